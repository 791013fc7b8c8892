"""Forced interleavings in SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stepcache.stores.contract import Store
from stepcache.stores.sqlite import SqliteStore
from tests.stores.races import RaceSuite
from tests.stores.races_collection import CollectionRaceSuite
from tests.stores.sqlite.sequencer import interleaved
from tests.stores.worlds import SqliteWorld, sqlite_world


class SqliteArena:
    def __init__(self, world: SqliteWorld) -> None:
        self.world = world

    @property
    def stores(self) -> list[SqliteStore]:
        return self.world.opened

    async def interleaved(
        self,
        first: Callable[[Store], Awaitable[Any]],
        number: int,
        second: Callable[[Store], Awaitable[Any]],
        *,
        turned: bool,
    ) -> tuple[Any, Any, bool]:
        one, other = self.stores[::-1] if turned else self.stores
        return await interleaved(one, first(one), number, other, second(other))


class TestSqliteRaces(RaceSuite, CollectionRaceSuite):
    @pytest.fixture
    async def arena(self, tmp_path: Path) -> AsyncIterator[SqliteArena]:
        async with sqlite_world(tmp_path / "store.db") as world:
            await world.another()
            yield SqliteArena(world)
