"""The stores on database servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.servers.server import Server
from tests.stores.sql_world import sql_world
from tests.stores.suite import StoreSuite
from tests.stores.world import World


class TestSqlStore(StoreSuite):
    @pytest.fixture
    async def world(self, server: Server) -> AsyncIterator[World]:
        async with sql_world(server) as world:
            yield world
