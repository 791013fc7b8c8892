"""An engine that runs the samples on a database that it shares with others.

``python -m tests.pipelines.teammate URL DIRECTORY HOME``: says ready, waits for a line, and ends with one JSON
document.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, cast

from stepcache import api
from stepcache.pipelines.engine import Engine
from stepcache.settings import Settings
from stepcache.stores.opening import FullStore
from tests.pipelines.samples import chosen, given


async def run_all(url: str, directory: Path, home: Path) -> dict[str, Any]:
    """Of each sample: how it ended, and what the cache did for each task."""
    settings = Settings.resolve(home=home, store=url, artifacts=directory / "artifacts")
    limit = asyncio.Semaphore(4)
    ended: dict[str, Any] = {}
    async with api.opened(settings) as cache:
        engine = Engine(cache, cast("FullStore", cache.store), home)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

        async def run(path: Path) -> None:
            async with limit:
                pipeline, inputs, options = given(path, directory)
                result = await engine.run(pipeline, inputs, source=path.name, options=options)
                ended[path.stem] = {
                    "state": result.state,
                    "error": result.error,
                    "tasks": [[task.name, task.state, task.result, task.reason, task.key] for task in result.tasks],
                }

        await asyncio.gather(*(run(path) for path in chosen()))
    return ended


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run_all(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))), flush=True)
