"""A lease that is lost while a value is produced."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

import stepcache
from tests.api.programs import line, never, programs, tell

KEY = stepcache.key("key")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stopped_process_that_lost_its_lease_says_so_and_stores_nothing(home: Path, kind: str) -> None:
    with programs(1, "stall", home, KEY, "0.5", kind) as (late,), stepcache.open(home=home) as cache:
        assert line(late) == "producing"
        late.send_signal(signal.SIGSTOP)
        assert cache.once(KEY, lambda: "mine").value == "mine"
        late.send_signal(signal.SIGCONT)
        if kind == "sync":
            tell(late)  # it cannot be stopped: it ends when its work does
        assert line(late) == ("lost late" if kind == "sync" else "lost None")
        assert cache.once(KEY, never).value == "mine"


def test_an_invalidated_production_is_not_stored(cache: stepcache.BlockingCache, home: Path) -> None:
    def produce() -> str:
        with stepcache.open(home=home) as other:
            assert other.invalidate(KEY).claim
        return "late"

    with pytest.raises(stepcache.LeaseLostError, match="was not stored") as error:
        cache.once(KEY, produce)
    assert error.value.value == "late"
    assert "ask again" in error.value.remedy
    assert cache.lookup(KEY) is None
    assert cache.once(KEY, lambda: "next").reused is False


async def test_an_asynchronous_production_is_cancelled_when_the_claim_is_lost(home: Path) -> None:
    stopped = asyncio.Event()

    async def produce() -> str:
        time.sleep(0.5)  # noqa: ASYNC251 - the event loop stands still for longer than the lease
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.set()
        return "never"

    async with stepcache.open_async(home=home, lease=0.3) as cache:
        with pytest.raises(stepcache.LeaseLostError, match="was stopped") as error:
            await cache.once(KEY, produce)
        assert error.value.value is None
        assert stopped.is_set()
        assert await cache.lookup(KEY) is None
