"""The same for programs with an event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

import stepcache
from stepcache.cache.ticket import Ticket
from stepcache.stores.claim import Busy
from tests.api.programs import never

KEY = stepcache.key("key")


async def test_the_asynchronous_door_does_the_same(home: Path, tmp_path: Path) -> None:
    async def produce() -> list[int]:
        await asyncio.sleep(0)
        return [1, 2]

    async with stepcache.open_async(home=home) as cache:
        assert isinstance(cache, stepcache.Cache)
        first = await cache.once(KEY, produce)
        again = await cache.once(KEY, never)
        assert (first.value, first.reused) == ([1, 2], False)
        assert (again.value, again.reused) == ([1, 2], True)
        found = await cache.lookup(KEY)
        assert found is not None
        assert found.value == [1, 2]
        assert not (await cache.put(KEY, 3)).stored
        assert (await cache.invalidate(KEY)).entry
        blocking = await cache.once(KEY, lambda: b"in a thread")
        assert (blocking.value, blocking.reused) == (b"in a thread", False)
        path = tmp_path / "file"
        path.write_text("x")
        assert (await cache.once(stepcache.key("path"), lambda: path)).value.read_text() == "x"


async def test_tasks_of_one_loop_produce_once(home: Path) -> None:
    produced = 0

    async def produce() -> str:
        nonlocal produced
        produced += 1
        await asyncio.sleep(0.05)
        return "value"

    async with stepcache.open_async(home=home) as cache:
        results = await asyncio.gather(*(cache.once(KEY, produce) for _ in range(50)))
    assert produced == 1
    assert {result.value for result in results} == {"value"}
    assert sum(not result.reused for result in results) == 1


async def test_a_cancelled_call_gives_its_claim_back(home: Path) -> None:
    producing = asyncio.Event()

    async def produce() -> str:
        producing.set()
        await asyncio.sleep(1000)
        return "never"

    async with stepcache.open_async(home=home) as cache:
        call = asyncio.create_task(cache.once(KEY, produce))
        await producing.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await cache.once(KEY, lambda: "mine")).value == "mine"


async def test_a_thread_that_cannot_be_stopped_keeps_its_claim_until_it_ends(home: Path) -> None:
    """The caller is cancelled, but nobody else may execute while the thread still does."""
    producing, go_on = threading.Event(), threading.Event()

    def produce() -> str:
        producing.set()
        go_on.wait(60)
        return "unwanted"

    async with stepcache.open_async(home=home) as cache:
        call = asyncio.create_task(cache.once(KEY, produce))
        await asyncio.to_thread(producing.wait, 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with stepcache.open_async(home=home) as other:
            assert isinstance(await other.attempt(Ticket(KEY)), Busy)
            next_call = asyncio.create_task(other.once(KEY, lambda: "mine"))
            go_on.set()
            assert (await next_call).value == "mine"


def test_the_synchronous_door_refuses_asynchronous_functions(cache: stepcache.BlockingCache) -> None:
    async def produce() -> str:
        return "never"

    with pytest.raises(stepcache.InputError, match="asynchronous function") as error:
        cache.once(KEY, produce)
    assert "open_async" in error.value.remedy
