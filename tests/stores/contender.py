"""One of many processes that want the same keys: ``python -m tests.stores.contender URL KEYS``.

Says that it is ready and waits for a line on its standard input, then gets every key once: by a hit, or by a claim
that it publishes under. Prints a JSON list of the keys that it executed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

from stepcache.stores.claim import Busy, Granted, Published
from stepcache.stores.contract import Store
from stepcache.stores.opening import open_store
from tests.stores.world import a_key, a_record, ask


async def get(store: Store, key: str) -> bool:
    """Return when ``key`` has a result. True if it was executed here."""
    while await store.lookup(key) is None:
        answer = await ask(store, key)
        if isinstance(answer, Granted):
            await asyncio.sleep(0)
            assert isinstance(await store.publish(answer.claim, a_record()), Published)
            return True
        if isinstance(answer, Busy):
            await asyncio.sleep(0.002)
    return False


async def main(url: str, count: int) -> None:
    store = await open_store(url)
    print("ready", flush=True)
    sys.stdin.readline()
    keys = [a_key(number) for number in range(count)]
    random.shuffle(keys)
    executed = []
    for start in range(0, count, 10):  # ten at a time, as an engine with parallel steps would
        batch = keys[start : start + 10]
        answers = await asyncio.gather(*(get(store, key) for key in batch))
        executed += [key for key, here in zip(batch, answers, strict=True) if here]
    await store.close()
    print(json.dumps(executed))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
