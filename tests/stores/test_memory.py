"""The store in memory."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stepcache.stores.memory import MemoryStore
from stepcache.stores.memory_state import MemoryState
from tests.stores.suite import StoreSuite
from tests.stores.world import World, a_claim_id, a_key, a_record, ask
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
    """The clock is read in the middle of every operation: there the first claimer lets the second one run."""
    answers: list[object] = []
    claimers: list[threading.Thread] = []

    def claim() -> None:
        answers.append(asyncio.run(ask(MemoryStore(state), a_key(), claim_id=a_claim_id())))

    def clock() -> int:
        if not claimers:
            claimers.append(threading.Thread(target=claim))
            claimers[0].start()
            claimers[0].join(0.2)  # it ends within that time only if it is let in
        return 1000

    state = MemoryState(clock)
    claim()
    claimers[0].join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Busy", "Granted"]
