"""A program that forks beside an open store: ``python -m tests.stores.sqlite.forking FILE``."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from stepcache.errors import StoreUnavailableError
from stepcache.stores.contract import Store
from stepcache.stores.memory import MemoryStore
from stepcache.stores.sqlite import SqliteStore
from tests.stores.sqlite.sequencer import Frozen
from tests.stores.world import a_key, a_record

T = TypeVar("T")


async def child(sqlite: Store, memory: Store, path: Path) -> None:
    for name, call in (
        ("sqlite lookup", sqlite.lookup(a_key(1))),
        ("sqlite put", sqlite.put(a_key(1), a_record())),
        ("sqlite opened again", SqliteStore(path).open()),
        ("memory put", memory.put(a_key(1), a_record())),
    ):
        try:
            await call
        except StoreUnavailableError as error:
            print(f"{name}: {error.remedy}", flush=True)
    await sqlite.close()
    other = SqliteStore(path.with_name("other.db"))
    await other.open()
    print("another file, stored:", (await other.put(a_key(1), a_record())).stored, flush=True)
    await other.close()


def main(path: Path) -> None:
    """The event loop has a thread of its own, so that the child's only thread has none."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, loop).result()

    sqlite, memory = SqliteStore(path), MemoryStore()
    run(sqlite.open())
    run(sqlite.put(a_key(0), a_record()))
    frozen = Frozen(sqlite, 4)
    put = asyncio.run_coroutine_threadsafe(sqlite.put(a_key(1), a_record("x" * 100_000)), loop)
    assert frozen.reached.wait(20)
    forked = os.fork()
    if forked == 0:
        asyncio.run(child(sqlite, memory, path))
        return  # and end as any program does
    _, status = os.waitpid(forked, 0)
    frozen.thaw()
    stored = put.result().stored
    run(sqlite.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    with closing(sqlite3.connect(path)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        (rows,) = connection.execute("SELECT COUNT(*) FROM execution_caches").fetchone()
    assert (status, stored, rows) == (0, True, 2), (status, stored, rows)
    print("parent: stored, sound" if sound == "ok" else sound)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
