"""A process to be killed or stopped: ``python -m tests.stores.sql.victim URL claim|publish|stop``.

``claim`` and ``publish`` do the operation many times at once, each on a key and a session of its own: the one on
key n stands still before its n-th statement. A line of JSON tells, for each, ``stands still`` or ``acknowledged``.
``stop`` claims a key, prints what time it has, and renews and publishes when it is given a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable

from stepcache.stores import opening
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sql.store import SqlStore
from tests.stores.sql.sequencer import Gate, Steps
from tests.stores.world import a_key, a_record, grant

MOST_STATEMENTS = 9
LEASE = 0.5


async def opened(url: str) -> SqlStore:
    driver, kind = opening.server(url)
    return await open_store(driver, kind)


async def frozen(url: str, operation: str, number: int) -> str:
    store = await opened(url)
    key = a_key(number)
    if operation == "publish":
        claim = (await grant(store, key, "killed", max_staleness=0, lease=0.0)).claim
        call: Awaitable[object] = store.publish(claim, a_record("new" * 10_000))
    else:
        call = grant(store, key, "killed", max_staleness=0, lease=LEASE)
    steps = Steps(store)
    steps.gate = gate = Gate(number)
    return "stands still" if await gate.wait_reached(asyncio.ensure_future(call)) else "acknowledged"


async def stopped(url: str) -> None:
    store = await opened(url)
    granted = await grant(store, a_key(), "stopped", lease=LEASE)
    print(time.time(), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await store.renew(granted.claim, lease=LEASE), flush=True)
    print(await store.publish(granted.claim, a_record("stopped")), flush=True)
    await store.close()


async def main(url: str, operation: str) -> None:
    if operation == "stop":
        await stopped(url)
        return
    states = await asyncio.gather(*(frozen(url, operation, number) for number in range(MOST_STATEMENTS)))
    print(json.dumps(states), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
