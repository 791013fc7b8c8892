"""What waiting costs a database, and how soon those who wait are answered.

    python benchmarks/waiting.py [--json]

Ten thousand callers wait for one key in one process, and then for a thousand keys in each of four processes. Starts
servers of its own. The longest pause between two reads is 0.25 s, give or take a quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cache.crowd import Waited, wait_for
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.server import Server

KINDS: dict[str, type[Server] | None] = {"sqlite": None, "postgresql": PostgresqlServer, "mariadb": MariadbServer}
CROWDS = {
    "10,000 waiters for one key": {"processes": 1, "keys": 1, "waiters": 10_000},
    "1,000 keys in 4 processes": {"processes": 4, "keys": 1000, "waiters": 1},
}


@asynccontextmanager
async def database(kind: type[Server] | None, directory: Path) -> AsyncIterator[str]:
    """The address of a new database."""
    if kind is None:
        yield f"sqlite:///{directory / 'store.db'}"
        return
    server = kind()
    try:
        server.start()
        await server.create("benchmark")
        yield server.url("benchmark")
    finally:
        server.remove()


async def measure() -> dict[str, dict[str, Waited]]:
    """Of each kind of database, what was seen of each crowd."""
    seen: dict[str, dict[str, Waited]] = {}
    for name, kind in KINDS.items():
        seen[name] = {}
        for crowd, bounds in CROWDS.items():
            with tempfile.TemporaryDirectory(prefix="stepcache-bench-") as directory:
                async with database(kind, Path(directory)) as url:
                    seen[name][crowd] = await wait_for(url, Path(directory) / "artifacts", **bounds)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    seen = asyncio.run(measure())
    if arguments.json:
        print(
            json.dumps({name: {crowd: asdict(one) for crowd, one in all_.items()} for name, all_ in seen.items()})
        )
        return
    for name, crowds in seen.items():
        for crowd, waited in crowds.items():
            print(f"{name}, {crowd}: {waited.reads_per_second:.1f} reads a second of each process,", end=" ")
            print(
                f"of {waited.rows} rows; after the publish {waited.reads_until_woken} reads until all were", end=" "
            )
            print(f"woken, and {waited.seconds_until_answered:.2f} s until all had the result")


if __name__ == "__main__":
    main()
