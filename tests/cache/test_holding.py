"""Heartbeat, loss of the lease, and what a holder may still do then."""

from __future__ import annotations

import asyncio
import time

import pytest

from stepcache import processes
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding, Reused
from stepcache.cache.holder import Holder, StepProcess
from stepcache.cache.ticket import Ticket
from stepcache.container_engine import Reference
from stepcache.errors import StoreUnavailableError
from stepcache.stores.claim import Lost, Published
from stepcache.stores.contract import Store
from tests.cache.caches import a_key, busy, counts, holding, record, until

KEY = a_key()
LEASE = 0.3


@pytest.fixture
async def short(store: Store, artifacts: LocalArtifactStore) -> Cache:
    return Cache(store, artifacts, lease=LEASE)


async def test_a_heartbeat_keeps_the_claim_beyond_its_lease(short: Cache, other: Cache, store: Store) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    await until(lambda: counts(store).calls.get("renew", 0) >= 5)
    assert not held.lost.is_set()
    assert busy(await other.attempt(Ticket(KEY))).claim_id == held.claim.claim_id
    await held.publish(record())


async def test_a_claim_that_is_finished_is_renewed_no_more(short: Cache, store: Store) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    await held.release()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if "heartbeat" in task.get_name()] == []


async def test_a_holder_whose_claim_was_revoked_goes_on_and_stores_nothing(
    short: Cache, other: Cache, store: Store
) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    await other.invalidate(KEY)
    await until(lambda: [task for task in asyncio.all_tasks() if "heartbeat" in task.get_name()] == [])
    renewals = counts(store).calls["renew"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LEASE * 1.5):
            await held.wait_lost()
    assert counts(store).calls["renew"] == renewals  # nothing is left to renew
    assert await held.publish(record()) == Lost(revoked=True)


async def test_a_holder_that_cannot_renew_stops_itself_before_its_lease_ends(short: Cache, store: Store) -> None:
    def down(operation: str) -> None:
        if operation == "renew":
            raise StoreUnavailableError("down")

    began = time.monotonic()
    held = holding(await short.attempt(Ticket(KEY)))
    counts(store).before = down
    async with asyncio.timeout(10):
        await held.wait_lost()
    assert LEASE * 0.8 <= time.monotonic() - began <= LEASE + 0.5
    assert 0 <= held.seconds_left <= LEASE / 6
    assert counts(store).calls["renew"] > 2  # it went on trying
    # Nobody has taken over: the result is still welcome, so that no work is lost.
    assert isinstance(await held.publish(record()), Published)


async def test_an_event_loop_that_was_blocked_beyond_the_lease_is_told(short: Cache, store: Store) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    time.sleep(LEASE * 1.5)  # noqa: ASYNC251 - this is what is tested
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert held.lost.is_set()
    await held.release()


async def test_a_late_holder_that_was_replaced_changes_nothing(short: Cache, store: Store, other: Cache) -> None:
    late = holding(await short.attempt(Ticket(KEY)))
    time.sleep(LEASE * 1.2)  # noqa: ASYNC251 - this is what is tested
    second = holding(await other.attempt(Ticket(KEY)))
    assert isinstance(await second.publish(record("second")), Published)
    assert isinstance(await late.publish(record("late")), Lost)
    reused = await other.attempt(Ticket(KEY))
    assert isinstance(reused, Reused)
    assert reused.output.value == "second"


async def test_the_holder_names_the_processes_of_its_step(short: Cache, other: Cache) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    me = processes.this_process()
    await held.annotate(StepProcess(supervisor=me, process=me, group=me.pid, reaper=me))
    seen = Holder.parse(busy(await other.attempt(Ticket(KEY))).holder)
    assert (seen.supervisor, seen.step, seen.group, seen.reaper) == (me, me, me.pid, me)
    await held.release()


async def test_the_supervisor_is_named_from_the_first_moment(cache: Cache, other: Cache) -> None:
    ticket = Ticket(KEY)
    ticket.supervisor = processes.this_process()
    await cache.attempt(ticket)
    assert Holder.parse(busy(await other.attempt(Ticket(KEY))).holder).supervisor == processes.this_process()


async def test_the_container_engine_is_named_from_the_first_moment_to_the_last(cache: Cache, other: Cache) -> None:
    reference = Reference("docker", "docker:abc")
    held = holding(await cache.attempt(Ticket(KEY, containers=reference)))
    assert Holder.parse(busy(await other.attempt(Ticket(KEY))).holder).containers == reference
    me = processes.this_process()
    await held.annotate(StepProcess(None, me, me.pid))
    assert Holder.parse(busy(await other.attempt(Ticket(KEY))).holder).containers == reference


async def test_annotating_a_lost_claim_says_so(short: Cache, other: Cache) -> None:
    held = holding(await short.attempt(Ticket(KEY)))
    time.sleep(LEASE * 1.2)  # noqa: ASYNC251 - nobody renews it meanwhile
    holding(await other.attempt(Ticket(KEY)))
    me = processes.this_process()
    await held.annotate(StepProcess(None, me, me.pid))
    assert held.lost.is_set()


@pytest.mark.parametrize("operation", ["publish", "release"])
async def test_a_cancelled_holder_still_reaches_the_store(cache: Cache, store: Store, operation: str) -> None:
    held = holding(await cache.attempt(Ticket(KEY)))
    ending = asyncio.create_task(held.publish(record()) if operation == "publish" else held.release())
    counts(store).before = lambda name: ending.cancel() if name == operation else None
    with pytest.raises(asyncio.CancelledError):
        await ending
    answer = await cache.attempt(Ticket(KEY))
    assert isinstance(answer, Reused if operation == "publish" else Holding)
