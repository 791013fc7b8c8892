"""The store in memory."""

from __future__ import annotations

import time

import pytest

from stepcache.stores.memory import MemoryStore
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
