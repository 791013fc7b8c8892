"""The store over one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stores.suite import StoreSuite
from tests.stores.world import World
from tests.stores.worlds import sqlite_world


class TestSqliteStore(StoreSuite):
    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[World]:
        async with sqlite_world(tmp_path / "store.db") as world:
            yield world
