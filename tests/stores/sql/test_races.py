"""Forced interleavings on database servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stepcache.stores.contract import Store
from stepcache.stores.sql.store import SqlStore
from tests.servers.server import Server
from tests.stores.races import RaceSuite
from tests.stores.races_collection import CollectionRaceSuite
from tests.stores.sql.sequencer import Steps, interleaved
from tests.stores.sql_world import SqlWorld, sql_world


class SqlArena:
    def __init__(self, world: SqlWorld) -> None:
        self.world = world
        self._steps = [Steps(store) for store in world.opened]

    @property
    def stores(self) -> list[SqlStore]:
        return self.world.opened

    async def interleaved(
        self,
        first: Callable[[Store], Awaitable[Any]],
        number: int,
        second: Callable[[Store], Awaitable[Any]],
        *,
        turned: bool,
    ) -> tuple[Any, Any, bool]:
        one, other = (1, 0) if turned else (0, 1)
        return await interleaved(
            first(self.stores[one]),
            self._steps[one],
            number,
            second(self.stores[other]),
            server=self.world.server,
            session=self.world.session,
        )


class TestSqlRaces(RaceSuite, CollectionRaceSuite):
    @pytest.fixture
    async def arena(self, server: Server) -> AsyncIterator[SqlArena]:
        async with sql_world(server) as world:
            await world.another()
            yield SqlArena(world)
