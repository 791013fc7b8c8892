"""A process with several clients on one store: ``python -m tests.proof.worker URL NAME CLIENTS``.

For each line on its standard input, a JSON object, it makes calls as the line says and prints ``done``.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

from stepcache.stores.contract import Store
from tests.proof.client import Client
from tests.proof.history import Recorder
from tests.proof.mutants import MUTANTS
from tests.proof.shared_stores import open_by_test_clock


async def main(url: str, name: str, clients: int) -> None:
    stores = [await open_by_test_clock(url) for _ in range(min(clients, 2))]
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wish = json.loads(line)
        await asyncio.gather(
            *(_act(stores[number % len(stores)], f"{name}.{number}", wish) for number in range(clients))
        )
        print("done", flush=True)
    for store in stores:
        await store.close()


async def _act(store: Store, name: str, wish: dict[str, Any]) -> None:
    recorder = Recorder(Path(wish["directory"]) / name, name)
    acting = MUTANTS[wish["mutant"]](store) if wish["mutant"] else store
    client = Client(acting, recorder, name, wish["keys"], random.Random(f"{wish['seed']} {name}"))
    for _ in range(wish["calls"]):
        await client.act()
    recorder.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
