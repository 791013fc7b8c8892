"""What the stores on database servers cost, beside the bare drivers doing the same statements in the same run.

    python benchmarks/databases.py [--json] [--clients 1 4 16] [--entries 1000 1000000] [--kinds postgresql mariadb]

Starts servers of its own, which do not wait for the disk. Ratios of one run matter, not the figures of one machine:
a hit runs at 0.6 of the bare driver's speed or more, a claim and its publish at 0.5 or more, and a hit among 1e6
entries costs at most 1.2 times one among 1e3.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from stepcache.stores import opening
from stepcache.stores.claim import Granted, Published
from stepcache.stores.entry import Record
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sql.store import SqlStore
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.server import Server

ROUNDS = 9
GROWTH_ROUNDS = 30
HITS, PUBLISHES = 1500, 300
"""How many in a round, over all clients."""
OUTPUT = json.dumps({"parameters": {"accuracy": 0.97}, "artifacts": {"model": {"digest": "0" * 64, "size": 12345}}})
DATABASE = "benchmark"

Work = Callable[[int, str], Awaitable[None]]
"""One operation of the client of this number, on this key."""


@dataclass(frozen=True)
class Measurement:
    """Operations a second, medians over the rounds."""

    kind: str
    operation: str
    clients: int
    store: float
    bare: float

    @property
    def ratio(self) -> float:
        """The store's speed in terms of the driver's."""
        return self.store / self.bare


def key(number: object) -> str:
    return hashlib.sha256(f"{number}".encode()).hexdigest()


class Bare:
    """The driver's own sessions, one for each client, and the statements that the operation needs and no others."""

    def __init__(self, store: SqlStore, sessions: Sequence[Any]) -> None:
        self.sessions = sessions
        self._dialect: Any = store._dialect  # noqa: SLF001 - the same texts are measured
        self._shared = self._dialect.shared

    async def hit(self, client: int, wanted: str) -> None:
        """Read the entry."""
        rows = await self.sessions[client].fetch(self._shared.lookup, {"key": wanted})
        assert rows

    async def publish(self, client: int, wanted: str) -> None:
        """Take the claim; in one transaction give it back, store the entry and its details."""
        session: Connection = self.sessions[client]
        claim_id = secrets.token_hex(16)
        values = {
            **dict.fromkeys(("template", "namespace", "pipeline", "component", "task", "run_id"), ""),
            "key": wanted,
            "claim_id": claim_id,
            "holder": "holder",
            "lease": 60_000,
            "dead_holder": None,
            "output": OUTPUT,
            "max_staleness": -1,
            "published_by": claim_id,
            "duration": 0.0,
            "parts": "{}",
            "token": 1,
            "failure": None,
        }
        await self._dialect.take(session, values, is_first=True)
        await session.fetch(self._shared.look, values)
        await session.begin()
        claimed_at = await self._dialect.give_back(session, values)
        stored = {**values, "started_at": claimed_at}
        entry_id = await self._dialect.store_entry(session, stored)
        await self._dialect.store_details(session, {**stored, "entry_id": entry_id})
        await session.commit()


class Stores:
    """One store for each client, as one process each would have."""

    def __init__(self, stores: Sequence[SqlStore]) -> None:
        self.stores = stores

    async def hit(self, client: int, wanted: str) -> None:
        """Look up."""
        assert await self.stores[client].lookup(wanted) is not None

    async def publish(self, client: int, wanted: str) -> None:
        """Claim, and publish."""
        store = self.stores[client]
        granted = await store.claim(wanted, secrets.token_hex(16), holder="holder", lease=60.0)
        assert isinstance(granted, Granted)
        assert isinstance(await store.publish(granted.claim, Record(OUTPUT)), Published)


async def speed(work: Work, clients: int, keys: Sequence[str]) -> float:
    """Operations a second of ``clients`` at once."""

    async def one(client: int) -> None:
        for wanted in keys[client::clients]:
            await work(client, wanted)

    started = time.perf_counter()
    await asyncio.gather(*(one(client) for client in range(clients)))
    return len(keys) / (time.perf_counter() - started)


async def fill(server: Server, database: str, entries: int) -> None:
    """As many published entries, written in bulk by the server itself, with keys that ``key`` makes of numbers."""
    async with server.session(database) as session:
        for start in range(0, entries, 5000):
            numbers = range(start, min(start + 5000, entries))
            rows = ",".join(f"('{key(number)}', '', '{OUTPUT}', -1, 1700000000, 1700000000)" for number in numbers)
            await session.run(
                'INSERT INTO execution_caches ("ExecutionCacheKey", "ExecutionTemplate", "ExecutionOutput",'
                f' "MaxCacheStaleness", "StartedAtInSec", "EndedAtInSec") VALUES {rows}'
            )
        await session.run(
            "INSERT INTO execution_details (entry_id, published_by, started_at, namespace, pipeline, component,"
            """ task, run_id, duration, parts, hits, used_at) SELECT "ID", 'b', 1700000000000, '', '', '',"""
            " '', '', 0, '{}', 0, 1700000000000 FROM execution_caches"
        )
        for table in ("execution_caches", "execution_details"):
            await session.run(f"{server.settle} {table}")


async def opened(server: Server, database: str, clients: int) -> tuple[Stores, Bare]:
    driver, kind = opening.server(server.url(database) + "?pool_size=1")
    stores = [await open_store(driver, kind) for _ in range(clients)]
    return Stores(stores), Bare(stores[0], [await driver.connect() for _ in range(clients)])


async def closed(stores: Stores, bare: Bare) -> None:
    for store in stores.stores:
        await store.close()
    for session in bare.sessions:
        await session.close()


async def measure(server: Server, clients: int) -> list[Measurement]:
    """Both operations, the store's rounds and the driver's in turn."""
    stores, bare = await opened(server, DATABASE, clients)
    figures: dict[tuple[str, str], list[float]] = {}
    for number in range(ROUNDS):
        hits = [key(random.randrange(1000)) for _ in range(HITS)]
        sides: list[tuple[str, Stores | Bare]] = [("store", stores), ("bare", bare)]
        for name, side in sides if number % 2 else sides[::-1]:  # what comes second finds warm caches
            figures.setdefault(("hit", name), []).append(await speed(side.hit, clients, hits))
            fresh = [key((name, clients, number, index)) for index in range(PUBLISHES)]
            figures.setdefault(("claim+publish", name), []).append(await speed(side.publish, clients, fresh))
    await closed(stores, bare)
    return [
        Measurement(
            server.name,
            operation,
            clients,
            *(statistics.median(figures[operation, name]) for name in ("store", "bare")),
        )
        for operation in ("hit", "claim+publish")
    ]


async def growth(server: Server, entries: Sequence[int]) -> float:
    """What a hit costs among the most entries, in terms of one among the fewest; measured in turn."""
    opens = {}
    for count in (entries[0], entries[-1]):
        await prepare(server, f"{DATABASE}_{count}", count)
        opens[count] = await opened(server, f"{DATABASE}_{count}", 1)
    costs: dict[int, list[float]] = {count: [] for count in opens}
    for number in range(1 + GROWTH_ROUNDS):
        for count, (stores, _) in opens.items():
            keys = [key(random.randrange(count)) for _ in range(HITS)]
            found = await speed(stores.hit, 1, keys)
            if number:
                costs[count].append(1 / found)
    for stores, bare in opens.values():
        await closed(stores, bare)
    return statistics.median(costs[entries[-1]]) / statistics.median(costs[entries[0]])


async def prepare(server: Server, database: str, entries: int) -> None:
    await server.create(database)
    store = await opening.open_store(server.url(database))
    await store.close()
    await fill(server, database, entries)


async def main(kinds: Sequence[str], clients: Sequence[int], entries: Sequence[int], as_json: bool) -> None:
    measurements, growths = [], {}
    for make in (PostgresqlServer, MariadbServer):
        if make.name not in kinds:
            continue
        server = make(options=make.roomy)
        try:
            server.start()
            await prepare(server, DATABASE, 1000)
            for count in clients:
                measurements += await measure(server, count)
            growths[server.name] = await growth(server, entries)
        finally:
            server.remove()
    if as_json:
        print(
            json.dumps(
                {"measurements": [asdict(one) | {"ratio": one.ratio} for one in measurements], "growth": growths}
            )
        )
        return
    print(f"{'server':<11} {'operation':<14} {'clients':>7} {'store/s':>9} {'driver/s':>9} {'ratio':>6}")
    for one in measurements:
        print(
            f"{one.kind:<11} {one.operation:<14} {one.clients:>7} {one.store:>9.0f} {one.bare:>9.0f}"
            f" {one.ratio:>6.2f}"
        )
    for name, factor in growths.items():
        print(f"{name}: a hit among {entries[-1]} entries costs {factor:.2f} times one among {entries[0]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the stores on database servers cost.")
    parser.add_argument("--kinds", nargs="+", default=["postgresql", "mariadb"], choices=["postgresql", "mariadb"])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.kinds, options.clients, options.entries, options.json))
