"""Holders that are killed, or stopped past their lease, at every step (protocol.md, P3, P5 and P6)."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from stepcache.stores.claim import Granted, Lost, Published
from stepcache.stores.contract import Store
from stepcache.stores.opening import open_store
from tests.servers.missing import missing
from tests.servers.server import Server
from tests.stores.sql.programs import line, start, tell
from tests.stores.sql.victim import LEASE, MOST_STATEMENTS
from tests.stores.sql_world import sql_world
from tests.stores.world import a_key, a_record, ask, publish

VICTIM = "tests.stores.sql.victim"


async def taken_over(store: Store, key: str) -> Granted:
    """The claim, as soon as it is free."""
    deadline = time.monotonic() + 10
    while not isinstance(answer := await ask(store, key, max_staleness=0), Granted):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return answer


async def kill_at_every_step(store: Store, url: str, operation: str) -> list[str]:
    with ExitStack() as stack:
        victim = start(stack, VICTIM, url, operation)
        states = json.loads(await asyncio.to_thread(line, victim))
        victim.kill()
        victim.wait()
    assert len(states) == MOST_STATEMENTS
    count = states.count("stands still")
    assert 2 < count < MOST_STATEMENTS
    assert states == ["stands still"] * count + ["acknowledged"] * (MOST_STATEMENTS - count)
    return list(states)


async def test_a_publish_that_is_killed_leaves_the_old_result_or_the_new_one(server: Server) -> None:
    async with sql_world(server) as world:
        store = await open_store(world.url)
        old = [await publish(store, a_key(number), a_record("old")) for number in range(MOST_STATEMENTS)]
        for number, state in enumerate(await kill_at_every_step(store, world.url, "publish")):
            key = a_key(number)
            if state == "acknowledged":
                entry = await store.lookup(key)
                assert entry is not None
                assert (entry.output, entry.id) == ("new" * 10_000, old[number].entry.id)
                assert (await store.watch([key]))[key].busy is None
            else:
                # Nobody is kept out by the dead process's locks: the next takes over, and publishes.
                granted = await taken_over(store, key)
                assert granted.stale is not None
                assert granted.stale.published_by == old[number].entry.published_by
                assert isinstance(await store.publish(granted.claim, a_record("next")), Published)
        assert await store.duplicates() == []
        await store.close()


async def test_a_claim_that_is_killed_is_taken_over_within_its_lease(server: Server) -> None:
    async with sql_world(server) as world:
        store = await open_store(world.url)
        await kill_at_every_step(store, world.url, "claim")
        began = time.monotonic()
        for number in range(MOST_STATEMENTS):
            granted = await taken_over(store, a_key(number))
            assert isinstance(await store.publish(granted.claim, a_record("next")), Published)
        assert time.monotonic() - began < LEASE + 5  # a busy machine is slower than the lease
        assert await store.duplicates() == []
        await store.close()


async def test_a_holder_that_was_stopped_past_its_lease_is_told_that_it_lost(server: Server) -> None:
    async with sql_world(server) as world:
        store = await open_store(world.url)
        with ExitStack() as stack:
            holder = start(stack, VICTIM, world.url, "stop")
            assert await asyncio.to_thread(line, holder)
            holder.send_signal(signal.SIGSTOP)
            granted = await taken_over(store, a_key())
            published = await store.publish(granted.claim, a_record("of the next"))
            assert isinstance(published, Published)
            holder.send_signal(signal.SIGCONT)
            tell(holder)
            assert [await asyncio.to_thread(line, holder) for _ in range(2)] == [str(Lost())] * 2
            assert await asyncio.to_thread(holder.wait, 20) == 0
        entry = await store.lookup(a_key())
        assert entry is not None
        assert (entry.output, entry.published_by) == ("of the next", granted.claim.claim_id)
        await store.close()


async def test_a_process_that_is_stopped_in_a_transaction_keeps_nobody_out_for_long(server: Server) -> None:
    async with sql_world(server) as world:
        store = await open_store(world.url)
        with ExitStack() as stack:
            victim = start(stack, VICTIM, world.url, "publish")
            states = json.loads(await asyncio.to_thread(line, victim))
            victim.send_signal(signal.SIGSTOP)
            before_commit = a_key(states.count("stands still") - 1)
            granted = await ask(store, before_commit, max_staleness=0)
            assert isinstance(granted, Granted)
        await store.close()


@pytest.mark.parametrize("hours", [24, -24])
async def test_a_holders_own_clock_changes_nothing(server: Server, hours: int) -> None:
    """Clients send durations, and only the database's clock is compared. libfaketime sets a process's clock."""
    async with sql_world(server) as world:
        store = await open_store(world.url)
        library = faketime_library()
        environment = {
            "LD_PRELOAD": library,
            "FAKETIME": f"{hours:+d}h",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        with ExitStack() as stack:
            holder = start(stack, VICTIM, world.url, "stop", environment=environment)
            assert (float(await asyncio.to_thread(line, holder)) - time.time()) / hours > 3500
            state = (await store.watch([a_key()]))[a_key()]
            assert state.busy is None or state.busy.lease_left <= LEASE
            tell(holder)
            renewed, published = [await asyncio.to_thread(line, holder) for _ in range(2)]
            assert renewed.startswith("Renewed")
            assert published.startswith("Published")
        entry = await store.lookup(a_key())
        assert entry is not None
        assert abs(entry.started_at - time.time()) < 60
        assert 0 <= entry.age < 60
        await store.close()


def faketime_library() -> str:
    found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        missing("libfaketime is not installed; on Debian: apt-get install faketime")
    return str(found)
