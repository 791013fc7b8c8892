"""Many processes on one database (protocol.md, P1 and P2)."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack

from tests.servers.server import Server
from tests.stores.sql.programs import LONG, line, start, tell
from tests.stores.sql_world import sql_world
from tests.stores.world import a_key

PROCESSES, KEYS = 16, 400


def contend(url: str) -> list[str]:
    """Set all off at once; what they executed, one after the other."""
    with ExitStack() as stack:
        running = [start(stack, "tests.stores.contender", url, KEYS) for _ in range(PROCESSES)]
        assert [line(process) for process in running] == ["ready"] * PROCESSES
        for process in running:
            tell(process)
        outputs = []
        for process in running:
            outputs.append(process.communicate(timeout=LONG)[0])
            assert process.returncode == 0
    return [key for output in outputs for key in json.loads(output)]


async def test_a_storm_of_processes_executes_each_key_once(server: Server) -> None:
    async with sql_world(server) as world:
        executed = await asyncio.to_thread(contend, world.url)
        assert sorted(executed) == sorted(a_key(number) for number in range(KEYS))
        rows = await world.session.run('SELECT COUNT(*), COUNT(DISTINCT "ExecutionCacheKey") FROM execution_caches')
        assert rows == [(KEYS, KEYS)]
        tokens = await world.session.run("SELECT COUNT(*) FROM execution_claims WHERE released_at IS NULL")
        assert tokens == [(0,)]
        # A claimer that finds the result of another in the moment of its own claim gives the claim back.
        ((published,),) = await world.session.run("SELECT COUNT(DISTINCT published_by) FROM execution_details")
        assert published == KEYS
