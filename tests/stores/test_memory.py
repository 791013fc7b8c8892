"""The store in memory."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stepcache.stores.claim import Put
from stepcache.stores.memory import MemoryStore
from stepcache.stores.memory_state import MemoryState
from tests.stores.suite import StoreSuite
from tests.stores.world import World, a_key, a_record
from tests.stores.worlds import MemoryWorld


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    async def world(self) -> World:
        return MemoryWorld()


async def test_the_clock_is_this_machines() -> None:
    put = await MemoryStore().put(a_key(), a_record())
    assert abs(put.entry.started_at - time.time()) < 5


async def test_two_stores_share_nothing_unless_they_are_told_to() -> None:
    await MemoryStore().put(a_key(), a_record())
    assert await MemoryStore().lookup(a_key()) is None


def test_no_thread_comes_between_the_look_and_the_change_of_another() -> None:
    """``put`` reads the clock after it has looked: there the first writer lets the second one run."""
    answers: list[Put] = []
    writers: list[threading.Thread] = []

    def put() -> None:
        answers.append(asyncio.run(MemoryStore(state).put(a_key(), a_record())))

    def clock() -> int:
        if not writers:
            writers.append(threading.Thread(target=put))
            writers[0].start()
            writers[0].join(0.2)  # it ends within that time only if it is let in
        return 1000

    state = MemoryState(clock)
    put()
    writers[0].join()
    assert sorted(answer.stored for answer in answers) == [False, True]
    assert answers[0].entry == answers[1].entry
