"""The worlds on database servers: instances over one database, in which a one-row table is the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stepcache.stores import opening
from stepcache.stores.opening import FullStore
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sql.store import SqlStore
from tests.servers.server import Server, Session, until_gone
from tests.stores.world import EPOCH

CLOCK = "(SELECT milliseconds FROM test_clock)"
DATABASE = "suite"
TABLES = (
    "execution_caches",
    "execution_details",
    "execution_artifacts",
    "execution_claims",
    "stepcache_settings",
    "stepcache_runs",
    "stepcache_run_requests",
    "stepcache_tasks",
    "stepcache_run_requests",
)


class SqlWorld:
    """``session`` is another program's, for the test to look and to tamper."""

    def __init__(self, server: Server, session: Session) -> None:
        self.server = server
        self.session = session
        self.opened: list[SqlStore] = []

    @property
    def url(self) -> str:
        return self.server.url(DATABASE)

    @property
    def store(self) -> FullStore:
        return self.opened[0]

    async def another(self) -> SqlStore:
        driver, kind = opening.server(self.url)
        store = await open_store(driver, kind, clock=CLOCK)
        self.opened.append(store)
        return store

    async def advance(self, seconds: float) -> None:
        await self.session.run(f"UPDATE test_clock SET milliseconds = milliseconds + {round(seconds * 1000)}")


@asynccontextmanager
async def sql_world(server: Server) -> AsyncIterator[SqlWorld]:
    """A world without entries, claims and runs. Leaving it checks that every store has left the server."""
    if DATABASE not in server.prepared:
        await server.create(DATABASE)
        store = await opening.open_store(server.url(DATABASE))
        await store.close()
        async with server.session(DATABASE) as session:
            await session.run("CREATE TABLE test_clock (milliseconds BIGINT NOT NULL)")
            await session.run("INSERT INTO test_clock VALUES (0)")
        server.prepared.add(DATABASE)
    async with server.session(DATABASE) as session:
        for table in TABLES:
            await session.run(f"DELETE FROM {table}")
        await session.run(f"UPDATE test_clock SET milliseconds = {EPOCH * 1000}")
        world = SqlWorld(server, session)
        try:
            await world.another()
            yield world
        finally:
            for store in world.opened:
                await store.close()
        assert await until_gone(server, session, DATABASE) == 0, "a store has left sessions behind"
