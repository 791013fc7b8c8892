"""Waiting at scale, on a server (protocol.md, Waiting)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cache.crowd import wait_for
from tests.servers.server import Server
from tests.stores.sql_world import sql_world

READS_PER_SECOND = 1 / (0.25 * 0.75)
"""With the longest pause, and the jitter that makes it shortest."""


@pytest.mark.parametrize(
    ("processes", "keys", "waiters"),
    [(1, 1, 10_000), (4, 1000, 1)],
    ids=["10000 waiters on one key", "1000 keys in 4 processes"],
)
async def test_a_crowd_costs_few_reads_and_is_woken_by_the_next(
    server: Server, tmp_path: Path, processes: int, keys: int, waiters: int
) -> None:
    async with sql_world(server) as world:
        root = tmp_path / "artifacts"
        waited = await wait_for(world.url, root, processes=processes, keys=keys, waiters=waiters)
    assert waited.reads_per_second <= READS_PER_SECOND + 1
    assert waited.rows == keys
    assert waited.reads_until_woken <= 1
