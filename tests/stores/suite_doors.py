"""What is let in, and what is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from stepcache.errors import InputError, StoreUnavailableError
from stepcache.stores.claim import Claim, Granted
from stepcache.stores.contract import Store
from tests.stores.suite_runs import RUN, TASK
from tests.stores.world import World, a_key, a_record, ask, grant, publish

KEY = a_key()
NO_KEYS = [
    "",
    "A" * 64,
    "a" * 63,
    "a" * 65,
    "a" * 70,
    "abc ",
    "a" * 63 + " ",
    "g" * 64,
    "a" * 64 + "\n",
    "\u0661" * 64,
]
WITH_A_KEY: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "lookup": lambda store, key: store.lookup(key),
    "claim": ask,
    "renew": lambda store, key: store.renew(Claim(key, "1" * 32, 1), lease=1.0),
    "publish": lambda store, key: store.publish(Claim(key, "1" * 32, 1), a_record()),
    "release": lambda store, key: store.release(Claim(key, "1" * 32, 1)),
    "put": lambda store, key: store.put(key, a_record()),
    "withdraw": lambda store, key: store.withdraw(key, "1" * 32),
    "invalidate": lambda store, key: store.invalidate(key),
    "watch": lambda store, key: store.watch([KEY, key]),
    "describe": lambda store, key: store.describe(key),
    "count_hits": lambda store, key: store.count_hits({KEY: 1, key: 1}),
}


class DoorSuite:
    @pytest.mark.parametrize("operation", WITH_A_KEY)
    async def test_what_is_no_key_is_refused(self, world: World, operation: str) -> None:
        for key in NO_KEYS:
            with pytest.raises(InputError, match="is no cache key"):
                await WITH_A_KEY[operation](world.store, key)

    async def test_a_settled_value_stays(self, world: World) -> None:
        instances = [world.store, await world.another()] * 3
        assert await world.store.settled("place") is None
        answers = await asyncio.gather(
            *(store.settle("place", f"/{number}") for number, store in enumerate(instances))
        )
        assert len(set(answers)) == 1
        assert await (await world.another()).settle("place", "/later") == answers[0]
        assert await (await world.another()).settled("place") == answers[0]
        assert await world.store.settle("another", "") == ""
        assert await world.store.settle("another", "/later") == ""

    async def test_the_url_shows_the_back_end(self, world: World) -> None:
        assert "://" in world.store.url
        assert (await world.another()).url == world.store.url

    async def test_a_closed_store_says_so_and_leaves_the_others_open(self, world: World) -> None:
        closed = await world.another()
        await publish(closed, KEY)
        await closed.close()
        await closed.close()
        for operation in WITH_A_KEY.values():
            with pytest.raises(StoreUnavailableError, match="closed"):
                await operation(closed, KEY)
        for call in (
            closed.settle("a", "b"),
            closed.settled("a"),
            closed.duplicates(),
            closed.run("a"),
            closed.runs(),
            closed.tasks("a"),
            closed.save_run(RUN),
            closed.save_tasks([TASK]),
            closed.finish_run("a", unless=(), state="FAILED", finished_at=1.5, error=""),
        ):
            with pytest.raises(StoreUnavailableError, match="closed"):
                await call
        assert await world.store.lookup(KEY) is not None

    async def test_closing_ends_every_thread(self, world: World) -> None:
        await world.store.duplicates()
        before = set(threading.enumerate())
        stores = [await world.another() for _ in range(3)]
        for store in stores:
            await publish(store, KEY, max_staleness=0)
            await store.duplicates()
        await asyncio.gather(*(store.close() for store in stores + stores))
        assert set(threading.enumerate()) == before

    async def test_closing_waits_for_what_was_asked_before(self, world: World) -> None:
        store = await world.another()
        puts = [asyncio.ensure_future(store.put(a_key(number), a_record())) for number in range(20)]
        await asyncio.sleep(0)
        await store.close()
        assert all(put.stored for put in await asyncio.gather(*puts))
        assert await world.store.lookup(a_key(19)) is not None

    async def test_a_cancelled_caller_leaves_the_store_usable(self, world: World) -> None:
        for number in range(10):
            call = asyncio.ensure_future(ask(world.store, a_key(number)))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        await grant(world.store, KEY)
        assert await world.store.duplicates() == []

    async def test_a_store_serves_several_threads_and_loops(self, world: World) -> None:
        async def contend() -> list[bool]:
            answers = []
            for number in range(20):
                await world.store.lookup(a_key(number))
                answers.append(isinstance(await ask(world.store, a_key(number)), Granted))
            return answers

        answers = await asyncio.gather(*(asyncio.to_thread(asyncio.run, contend()) for _ in range(4)))
        assert [sum(granted) for granted in zip(*answers, strict=True)] == [1] * 20
