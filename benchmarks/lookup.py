"""What a look-up costs in a small store and in a large one, beside a bare ``sqlite3`` query in the same run.

    python benchmarks/lookup.py [--json] [--entries 1000 1000000]

Ratios of one run matter, not the figures of one machine: the large store costs at most twice the small one, and a
look-up about three times the bare query of the same row.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from stepcache.stores.opening import open_store

ROUNDS = 25
LOOKUPS_PER_ROUND = 2000
OUTPUT = json.dumps({"parameters": {"accuracy": 0.97}, "artifacts": {"model": {"digest": "0" * 64, "size": 12345}}})
BARE = "SELECT ExecutionOutput, MaxCacheStaleness, StartedAtInSec FROM execution_caches WHERE ExecutionCacheKey = ?"


@dataclass(frozen=True)
class Measurement:
    """Medians over the rounds, in microseconds."""

    entries: int
    lookup: float
    bare: float


def key(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def fill(file: Path, entries: int) -> None:
    """As many published entries, written in bulk."""
    now = time.time_ns() // 1_000_000

    def rows() -> Iterator[tuple[str, str, int, int]]:
        for number in range(entries):
            yield key(number), OUTPUT, now // 1000, now // 1000

    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            """INSERT INTO execution_caches
                      (ExecutionCacheKey, ExecutionTemplate, ExecutionOutput, MaxCacheStaleness, StartedAtInSec,
                       EndedAtInSec)
               VALUES (?, '', ?, -1, ?, ?)""",
            rows(),
        )
        connection.execute(
            """INSERT INTO execution_details
                      (entry_id, published_by, started_at, namespace, pipeline, component, task, run_id, duration,
                       parts, used_at)
               SELECT ID, lower(hex(randomblob(16))), ?, '', 'p', 'c', 't', 'r', 1.0, '{}', ?
                 FROM execution_caches""",
            (now, now),
        )


class Subject:
    """One filled store, and what was measured of it."""

    def __init__(self, file: Path, entries: int) -> None:
        self._file = file
        self._entries = entries
        self._lookups: list[float] = []
        self._bares: list[float] = []

    async def prepare(self) -> None:
        """Fill the store, and open it."""
        store = await open_store(f"sqlite:///{self._file}")
        await store.close()
        fill(self._file, self._entries)
        self._store = await open_store(f"sqlite:///{self._file}")
        self._connection = sqlite3.connect(self._file, isolation_level=None)

    async def measure(self) -> None:
        """One round. Other keys in each: what is looked up once is seldom looked up again soon."""
        chosen = [key(number) for number in random.choices(range(self._entries), k=LOOKUPS_PER_ROUND)]
        if await self._store.lookup(chosen[0]) is None:
            raise AssertionError("what is measured is not there")
        started = time.perf_counter()
        for wanted in chosen:
            await self._store.lookup(wanted)
        self._lookups.append(time.perf_counter() - started)
        started = time.perf_counter()
        for wanted in chosen:
            self._connection.execute(BARE, (wanted,)).fetchone()
        self._bares.append(time.perf_counter() - started)

    async def close(self) -> None:
        """Let go of the store."""
        self._connection.close()
        await self._store.close()

    def result(self) -> Measurement:
        """The medians."""
        factor = 1e6 / LOOKUPS_PER_ROUND
        return Measurement(
            self._entries, statistics.median(self._lookups) * factor, statistics.median(self._bares) * factor
        )


async def main(entries: Sequence[int], as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        subjects = [Subject(Path(name) / f"{count}.db", count) for count in entries]
        for subject in subjects:
            await subject.prepare()
        for _ in range(ROUNDS):  # in turns, so that what else the machine does meanwhile hits all alike
            for subject in subjects:
                await subject.measure()
        for subject in subjects:
            await subject.close()
    measured = [subject.result() for subject in subjects]
    growth = measured[-1].lookup / measured[0].lookup
    if as_json:
        print(json.dumps({"measurements": [asdict(one) for one in measured], "growth": growth}))
        return
    print(f"{'entries':>10} {'lookup us':>10} {'sqlite3 us':>11} {'ratio':>6}")
    for one in measured:
        print(f"{one.entries:>10} {one.lookup:>10.1f} {one.bare:>11.1f} {one.lookup / one.bare:>6.2f}")
    print(f"{measured[-1].entries} entries cost {growth:.2f} times {measured[0].entries}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a look-up costs.")
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.entries, options.json))
