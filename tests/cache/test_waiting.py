"""Waiting for executions of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding, Reused
from stepcache.cache.ticket import Ticket
from stepcache.errors import ExecutionFailedError, StepcacheError, StoreUnavailableError
from stepcache.stores.contract import Store
from tests.cache.caches import a_key, ask, busy, counts, holding, publish, record, until

KEY = a_key()


@pytest.fixture
async def deaf(store: Store, artifacts: LocalArtifactStore) -> AsyncIterator[Cache]:
    """A cache that reads the store so seldom that only hints can wake its waiters in time."""
    async with Cache(store, artifacts, shortest_pause=1000, longest_pause=1000) as cache:
        yield cache


def waiting_in(cache: Cache) -> int:
    return sum(len(queue) for queue in cache._waiting._queues.values())


async def waiters(cache: Cache, count: int, **named: Any) -> list[asyncio.Task[Reused | Holding]]:
    """So many callers who wait for ``KEY``, which is held."""
    tasks = [asyncio.create_task(ask(cache, Ticket(KEY, **named))) for _ in range(count)]
    await until(lambda: waiting_in(cache) == count)
    return tasks


@pytest.mark.parametrize("whose", ["own", "another's"])
async def test_those_who_wait_get_the_result(cache: Cache, other: Cache, whose: str) -> None:
    held = holding(await (cache if whose == "own" else other).attempt(Ticket(KEY)))
    tasks = await waiters(cache, 5)
    await held.publish(record("result"))
    async with asyncio.timeout(10):
        for reused in await asyncio.gather(*tasks):
            assert isinstance(reused, Reused)
            assert (reused.output.value, reused.shared) == ("result", True)


async def test_what_this_process_publishes_wakes_its_waiters_at_once(deaf: Cache) -> None:
    held = holding(await deaf.attempt(Ticket(KEY)))
    tasks = await waiters(deaf, 5)
    await held.publish(record("result"))
    async with asyncio.timeout(10):
        assert all(isinstance(reused, Reused) for reused in await asyncio.gather(*tasks))


async def test_ten_thousand_waiters_cost_one_row_read_at_a_time(cache: Cache, other: Cache, store: Store) -> None:
    held = holding(await other.attempt(Ticket(KEY)))
    answer = busy(await cache.attempt(Ticket(KEY)))

    async def wait() -> Reused | None:
        ticket = Ticket(KEY)
        await cache.wait(ticket, answer)
        return await cache.reuse(ticket)

    tasks = [asyncio.create_task(wait()) for _ in range(10_000)]
    await until(lambda: waiting_in(cache) == len(tasks))
    before = len(counts(store).reads)
    await until(lambda: len(counts(store).reads) > before + 2)
    await held.publish(record())
    assert all(await asyncio.gather(*tasks))
    assert set(counts(store).reads) == {1}
    assert counts(store).calls["lookup"] < 100  # nor is the result read by each of them


async def test_an_entry_that_was_found_stale_wakes_nobody(cache: Cache, other: Cache, store: Store) -> None:
    await publish(cache, KEY, "old")
    held = holding(await other.attempt(Ticket(KEY, max_staleness=0)))
    tasks = await waiters(cache, 3, max_staleness=0)
    asked, reads = counts(store).calls["claim"], len(counts(store).reads)
    await until(lambda: len(counts(store).reads) > reads + 3)
    assert counts(store).calls["claim"] == asked
    await held.publish(record("new"))
    await until(lambda: any(task.done() for task in tasks))  # each of them wants one of its own
    (heir,) = [task.result() for task in tasks if task.done()]
    assert isinstance(heir, Holding)
    for task in tasks:
        task.cancel()


async def test_many_keys_are_read_in_one_query(cache: Cache, other: Cache, store: Store) -> None:
    keys = [a_key(number) for number in range(200)]
    held = [holding(await other.attempt(Ticket(key))) for key in keys]
    tasks = [asyncio.create_task(ask(cache, Ticket(key))) for key in keys]
    await until(lambda: waiting_in(cache) == len(keys))
    await until(lambda: counts(store).reads and counts(store).reads[-1] == len(keys))
    for one in held:
        await one.publish(record())
    assert all(isinstance(reused, Reused) for reused in await asyncio.gather(*tasks))


async def test_nobody_is_asked_when_nobody_waits(cache: Cache, other: Cache, store: Store) -> None:
    held = holding(await other.attempt(Ticket(KEY)))
    tasks = await waiters(cache, 1)
    await held.publish(record())
    await asyncio.gather(*tasks)
    assert waiting_in(cache) == 0
    await until(lambda: not [task for task in asyncio.all_tasks() if "poller" in task.get_name()])


async def test_a_free_key_is_taken_by_one_the_others_go_on_waiting(cache: Cache, other: Cache) -> None:
    held = holding(await other.attempt(Ticket(KEY)))
    tasks = await waiters(cache, 5)
    await held.release()
    await until(lambda: any(task.done() for task in tasks))
    (heir,) = [task.result() for task in tasks if task.done()]
    assert isinstance(heir, Holding)
    await until(lambda: waiting_in(cache) == 4)
    await heir.publish(record())
    rest = [await task for task in tasks]
    assert sum(isinstance(answer, Reused) for answer in rest) == 4


async def test_the_first_who_asked_is_the_first_to_try(cache: Cache, other: Cache) -> None:
    held = holding(await other.attempt(Ticket(KEY)))
    first = (await waiters(cache, 1))[0]
    await asyncio.sleep(0.001)  # later, by any clock
    second = asyncio.create_task(ask(cache, Ticket(KEY)))
    await until(lambda: waiting_in(cache) == 2)
    await held.release()
    assert isinstance(await first, Holding)
    assert not second.done()
    second.cancel()


async def test_an_expired_lease_is_taken_over(store: Store, artifacts: LocalArtifactStore, cache: Cache) -> None:
    await store.claim(KEY, "a" * 32, holder="of another machine", lease=0.3)
    (task,) = await waiters(cache, 1)
    async with asyncio.timeout(10):
        assert isinstance(await task, Holding)


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("whose", ["own", "another's"])
async def test_a_hundred_waiters_do_not_run_a_broken_step_a_hundred_times(
    cache: Cache, other: Cache, attempts: int, whose: str
) -> None:
    executed = 1
    held = holding(await (cache if whose == "own" else other).attempt(Ticket(KEY)))
    tasks = await waiters(cache, 100, attempts=attempts)
    await held.fail("failure 1")
    errors = []
    while tasks:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        assert done
        for task in done:
            tasks.remove(task)
            if isinstance(error := task.exception(), ExecutionFailedError):
                errors.append(str(error))
                continue
            answer = task.result()
            assert isinstance(answer, Holding)
            executed += 1
            await answer.fail(f"failure {executed}")
    assert executed == attempts
    assert set(errors) == {f"failure {attempts}"}
    assert len(errors) == 100 - (attempts - 1)


async def test_who_asks_after_a_failure_tries_anew(cache: Cache) -> None:
    await holding(await cache.attempt(Ticket(KEY))).fail("no such luck")
    assert isinstance(await ask(cache, Ticket(KEY)), Holding)


async def test_an_invalidation_lets_the_next_one_execute(cache: Cache, other: Cache) -> None:
    holding(await other.attempt(Ticket(KEY)))
    (task,) = await waiters(cache, 1)
    await other.invalidate(KEY)
    assert isinstance(await task, Holding)


async def test_a_put_by_somebody_else_ends_the_wait(cache: Cache, other: Cache, store: Store) -> None:
    holding(await other.attempt(Ticket(KEY)))
    (task,) = await waiters(cache, 1)
    await store.put(KEY, record("put"))
    reused = await task
    assert isinstance(reused, Reused)
    assert reused.output.value == "put"


async def test_a_result_that_outlasts_the_callers_limit_serves_those_who_waited_for_it(
    cache: Cache, other: Cache
) -> None:
    """Else each of them would execute again, in turn."""
    held = holding(await other.attempt(Ticket(KEY)))
    tasks = [asyncio.create_task(ask(cache, Ticket(KEY, max_staleness=0.2))) for _ in range(5)]
    await until(lambda: waiting_in(cache) == 5)
    await asyncio.sleep(0.5)  # the execution takes longer than the limit
    await held.publish(record())
    assert all(isinstance(reused, Reused) for reused in await asyncio.gather(*tasks))


async def test_cancelling_one_wait_leaves_the_others_and_nothing_behind(cache: Cache, other: Cache) -> None:
    held = holding(await other.attempt(Ticket(KEY)))
    tasks = await waiters(cache, 3)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert waiting_in(cache) == 2
    await held.publish(record())
    assert all(isinstance(reused, Reused) for reused in await asyncio.gather(*tasks[1:]))
    assert waiting_in(cache) == 0


async def test_a_store_that_goes_down_is_told_to_those_who_wait(cache: Cache, other: Cache, store: Store) -> None:
    def down(operation: str) -> None:
        if operation == "watch":
            raise StoreUnavailableError("down")

    held = holding(await other.attempt(Ticket(KEY)))
    tasks = await waiters(cache, 3)
    counts(store).before = down
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailableError] * 3
    counts(store).before = lambda _: None
    assert busy(await cache.attempt(Ticket(KEY))).claim_id == held.claim.claim_id  # it can be asked again


async def test_closing_ends_every_wait(store: Store, artifacts: LocalArtifactStore, other: Cache) -> None:
    holding(await other.attempt(Ticket(KEY)))
    async with Cache(store, artifacts) as cache:
        tasks = await waiters(cache, 3)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StepcacheError] * 3


async def test_who_executes_and_since_when_is_told(cache: Cache, other: Cache) -> None:
    await other.attempt(Ticket(KEY, label="run 1, train"))
    answer = busy(await cache.attempt(Ticket(KEY)))
    assert json.loads(answer.holder)["label"] == "run 1, train"
    assert 0 <= answer.held_for < 60
