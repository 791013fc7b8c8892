"""A process to be killed: ``python -m tests.stores.sqlite.publisher FILE NUMBER``.

Claims a key that has an entry, publishes under the claim, and stands still before the transaction's ``NUMBER``-th
statement (0 is BEGIN), which it prints; or, if there is none, after the publish was acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from stepcache.stores.sqlite import SqliteStore
from tests.stores.sqlite.sequencer import Frozen
from tests.stores.world import a_key, a_record, grant

KEY = a_key()


async def main(path: Path, number: int) -> None:
    store = SqliteStore(path)
    await store.open()
    granted = await grant(store, KEY, "killed", max_staleness=0, lease=0.0)
    frozen = Frozen(store, number)
    publish = asyncio.ensure_future(store.publish(granted.claim, a_record("new" * 10_000)))
    print("stands still" if await frozen.wait_reached(publish) else "acknowledged", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
