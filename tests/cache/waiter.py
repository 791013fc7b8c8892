"""One of several processes that wait for results: ``python -m tests.cache.waiter URL ARTIFACTS KEYS WAITERS``.

``WAITERS`` callers wait for each of ``KEYS`` keys, which somebody else holds. Says ``waiting`` when all of them do
and the pauses between reads have grown to the longest. Gets a line, and says how often it read the database in the
two seconds after it. When all are answered it prints a JSON document of moments by the monotonic clock, which all
processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Reused
from stepcache.cache.ticket import Ticket
from stepcache.stores.claim import Busy
from stepcache.stores.opening import open_store
from tests.cache.caches import a_key, counts, until, watched

MEASURED = 2.0  # seconds
GROWN = 12  # reads until the pauses are as long as they get
LONG = 120.0  # seconds


class Waiters:
    """The callers of one process."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.waiting = 0
        self.woken: dict[str, float] = {}
        """When the last of those who wait for a key was woken."""

    async def get(self, key: str) -> None:
        """Wait for the result of ``key``."""
        ticket = Ticket(key)
        while True:
            answer = await self._cache.attempt(ticket)
            if isinstance(answer, Reused):
                return
            assert isinstance(answer, Busy)
            self.waiting += 1
            await self._cache.wait(ticket, answer)
            self.woken[key] = time.monotonic()


async def main(url: str, root: Path, keys: int, waiters: int) -> None:
    store = watched(await open_store(url))
    reads: list[float] = []

    def note(operation: str) -> None:
        if operation == "watch":
            reads.append(time.monotonic())

    async with Cache(store, LocalArtifactStore.open(root), same_host=False) as cache:
        all_of_them = Waiters(cache)
        tasks = [
            asyncio.create_task(all_of_them.get(a_key(number))) for number in range(keys) for _ in range(waiters)
        ]
        await until(lambda: all_of_them.waiting == len(tasks), LONG)
        counts(store).before = note
        await until(lambda: len(reads) > GROWN, LONG)
        print("waiting", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        before = len(reads)
        await asyncio.sleep(MEASURED)
        print(len(reads) - before, flush=True)
        await asyncio.gather(*tasks)
        answered = time.monotonic()
    await store.close()
    rows = max(counts(store).reads[-len(reads) :])
    print(json.dumps({"answered": answered, "woken": all_of_them.woken, "reads": reads, "rows": rows}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
