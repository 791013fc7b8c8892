"""The worlds of the back ends of this release."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from stepcache.stores.memory import MemoryStore
from stepcache.stores.memory_state import MemoryState
from stepcache.stores.opening import FullStore
from stepcache.stores.sqlite import SqliteStore
from tests.stores.world import EPOCH

CLOCK = "(SELECT milliseconds FROM test_clock)"


class MemoryWorld:
    """Instances over one state."""

    def __init__(self) -> None:
        self._now = EPOCH * 1000
        self._state = MemoryState(clock=lambda: self._now)
        self.store: FullStore = MemoryStore(self._state)

    async def another(self) -> FullStore:
        return MemoryStore(self._state)

    async def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1000)


class SqliteWorld:
    """Instances over one file, in which a one-row table is the clock."""

    def __init__(self, path: Path, make: type[SqliteStore] = SqliteStore) -> None:
        self.path = path
        self.opened: list[SqliteStore] = []
        self._make = make

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    @property
    def store(self) -> FullStore:
        return self.opened[0]

    async def another(self) -> SqliteStore:
        store = self._make(self.path, clock=CLOCK)
        await store.open()
        self.opened.append(store)
        return store

    async def advance(self, seconds: float) -> None:
        self.execute("UPDATE test_clock SET milliseconds = milliseconds + ?", round(seconds * 1000))

    def execute(self, statement: str, *values: str | int) -> list[tuple[object, ...]]:
        """Run a statement as another program would."""
        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            return connection.execute(statement, values).fetchall()


@asynccontextmanager
async def sqlite_world(path: Path, make: type[SqliteStore] = SqliteStore) -> AsyncIterator[SqliteWorld]:
    """A new world on a new file."""
    first = SqliteStore(path)
    await first.open()
    await first.close()
    world = SqliteWorld(path, make)
    world.execute("CREATE TABLE test_clock (milliseconds INTEGER)")
    world.execute("INSERT INTO test_clock VALUES (?)", EPOCH * 1000)
    try:
        await world.another()
        yield world
    finally:
        for store in world.opened:
            await store.close()
