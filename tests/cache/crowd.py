"""Many who wait, in several processes, for results that this process publishes."""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache
from stepcache.cache.ticket import Ticket
from stepcache.stores.opening import open_store
from tests.cache.caches import a_key, holding, record
from tests.cache.waiter import MEASURED
from tests.stores.sql.programs import line, start, tell


@dataclass(frozen=True)
class Waited:
    """What was seen of them."""

    reads_per_second: float
    """Of one process, while nothing happened; the most of all."""
    rows: int
    """Keys in one read, the most."""
    reads_until_woken: int
    """How many reads began between the publish of a key and the moment when all who wait for it were woken, the
    most of all keys and processes.
    """
    seconds_until_answered: float
    """From the last publish until everybody had the result."""


async def wait_for(url: str, root: Path, *, processes: int, keys: int, waiters: int) -> Waited:
    """Hold ``keys`` keys, let ``waiters`` callers wait for each of them in each of ``processes`` processes, and
    publish.
    """
    async with AsyncExitStack() as closing:
        store = await open_store(url)
        closing.push_async_callback(store.close)
        cache = await closing.enter_async_context(Cache(store, LocalArtifactStore.open(root)))
        held = [holding(await cache.attempt(Ticket(a_key(number)))) for number in range(keys)]
        with ExitStack() as stack:
            crowd = [start(stack, "tests.cache.waiter", url, root, keys, waiters) for _ in range(processes)]
            for process in crowd:
                assert await asyncio.to_thread(line, process) == "waiting"
            for process in crowd:
                tell(process)
            reads = [int(await asyncio.to_thread(line, process)) for process in crowd]
            published: dict[str, float] = {}
            for one in held:
                await one.publish(record())
                published[one.claim.key] = time.monotonic()
            seen = [json.loads((await asyncio.to_thread(process.communicate))[0]) for process in crowd]
    return Waited(
        reads_per_second=max(reads) / MEASURED,
        rows=max(one["rows"] for one in seen),
        reads_until_woken=max(_reads_until_woken(one, published) for one in seen),
        seconds_until_answered=max(one["answered"] for one in seen) - max(published.values()),
    )


def _reads_until_woken(seen: Mapping[str, Any], published: Mapping[str, float]) -> int:
    reads: Sequence[float] = seen["reads"]
    return max(
        bisect_left(reads, woken) - bisect_right(reads, published[key]) for key, woken in seen["woken"].items()
    )
