"""The servers' own clocks."""

from __future__ import annotations

import time

from stepcache.stores import opening
from stepcache.stores.claim import Granted
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sql.store import SqlStore
from tests.servers.mariadb import MariadbServer
from tests.servers.server import Server
from tests.stores.sql_world import DATABASE, sql_world
from tests.stores.world import EPOCH, World, a_key, ask, busy, grant, publish

KEY = a_key()


async def real(world: World, server: Server) -> SqlStore:
    """A store with one session, on the clock of the server."""
    driver, kind = opening.server(server.url(DATABASE) + "?pool_size=1")
    return await open_store(driver, kind)


async def test_a_lease_ends_exactly_when_it_ends_by_mariadbs_clock(mariadb_server: MariadbServer) -> None:
    """The clock as it is used, set by ``SET timestamp``."""
    async with sql_world(mariadb_server) as world:
        store = await real(world, mariadb_server)

        async def set_clock(seconds: float) -> None:
            pool = next(iter(store._database._pools.values()))
            connection, _ = pool._idle[0]
            async with connection.raw.cursor() as cursor:  # type: ignore[attr-defined]
                await cursor.execute(f"SET timestamp = {EPOCH + seconds:.3f}")

        await set_clock(0)
        await grant(store, KEY, lease=60.0)
        await set_clock(59.999)
        assert busy(await ask(store, KEY)).lease_left == 0.001
        assert (await store.watch([KEY]))[KEY].busy is not None
        await set_clock(60)
        assert (await store.watch([KEY]))[KEY].busy is None
        assert isinstance(await ask(store, KEY), Granted)
        await store.close()


async def test_the_servers_time_zone_does_not_matter(server: Server) -> None:
    async with sql_world(server) as world:
        await server.set_time_zone(world.session, "+05:30")
        try:
            store = await real(world, server)
            published = await publish(store, KEY)
            await store.close()
        finally:
            await server.set_time_zone(world.session, "+00:00")
    assert abs(published.entry.started_at - time.time()) < 5
    assert 0 <= published.entry.age < 5
