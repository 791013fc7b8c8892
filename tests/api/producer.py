"""A process that asks a cache for one value, for tests of ``stepcache.open``.

Arguments: what to do, the home, the key, then what that needs. It says what happens, a line each: see below.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import stepcache


def once(home: str, key: str, trace: str) -> None:
    """Wait for a line, then ask; producing takes a moment, and adds a line to the file ``trace``."""
    with stepcache.open(home=home) as cache:
        say("ready")
        sys.stdin.readline()
        result = cache.once(key, lambda: _traced(Path(trace)))
        say(f"{result.value} {result.reused}")


def open_anew(home: str, key: str) -> None:
    """Wait for a line, then open a new store and put a value there."""
    say("ready")
    sys.stdin.readline()
    with stepcache.open(home=home) as cache:
        cache.put(key, b"value")
        say(str(cache.lookup(key) is not None))


def hang(home: str, key: str) -> None:
    """Ask, say when producing begins, and never end."""

    def produce() -> str:
        say("producing")
        time.sleep(1000)
        return "never"

    with stepcache.open(home=home) as cache:
        cache.once(key, produce)


def stall(home: str, key: str, lease: str, kind: str) -> None:
    """Produce until a line is read (``kind`` is sync) or for ever (async); say what became of it."""

    async def waiting() -> str:
        say("producing")
        await asyncio.sleep(1000)
        return "never"

    async def asynchronous() -> None:
        async with stepcache.open_async(home=home, lease=float(lease)) as cache:
            await cache.once(key, waiting)

    def produce() -> str:
        say("producing")
        sys.stdin.readline()
        return "late"

    try:
        if kind == "async":
            asyncio.run(asynchronous())
        else:
            with stepcache.open(home=home, lease=float(lease)) as cache:
                cache.once(key, produce)
    except stepcache.LeaseLostError as error:
        say(f"lost {error.value}")


def _traced(trace: Path) -> str:
    with trace.open("a") as file:
        file.write("produced\n")
    time.sleep(0.2)
    return "value"


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
