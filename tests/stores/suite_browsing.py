"""Looking back at runs, and through entries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepcache.errors import InputError, StoreUnavailableError
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.entry_browsing import EntryFilter, Order
from stepcache.stores.run_browsing import Tally
from tests.stores.suite_runs import RUN, TASK
from tests.stores.world import EPOCH, World, a_key, publish

KEYS = ("a0" + "1" * 62, "a0" + "2" * 62, "b0" + "3" * 62)
ALL = EntryFilter()


def record(number: int, *sizes: int) -> Record:
    described = Description(
        namespace=f"namespace {number % 2}",
        pipeline=f"pipeline {number}",
        component=f"comp-{number}",
        task=f"task-{number}",
        run_id=f"run {number}",
        duration=number + 0.5,
        parts=f'{{"number": {number}}}',
    )
    artifacts = tuple(ArtifactReference(a_key(("artifact", size)), size) for size in sizes)
    return Record(f"output {number}", f"template {number}", 60 * number - 1, described, artifacts)


async def three(world: World) -> None:
    """Three entries, ten seconds apart, the second of them used last."""
    for number, key in enumerate(KEYS):
        await world.store.put(key, record(number, *range(100, 100 + number * 10, 10)))
        await world.advance(10)
    await world.store.count_hits({KEYS[1]: 3})


async def found(world: World, wanted: EntryFilter, order: Order = Order.OLDEST) -> list[int]:
    """The numbers of the entries that fit."""
    entries = await (await world.another()).find_entries(wanted, order=order)
    return [KEYS.index(entry.key) for entry in entries]


class BrowsingSuite:
    async def test_a_run_is_begun_with_its_request(self, world: World) -> None:
        await world.store.begin_run(RUN, "request ä \\u0000" * 5000)
        other = await world.another()
        assert await other.run("run 1") == RUN
        assert await other.request("run 1") == "request ä \\u0000" * 5000
        assert await other.request("run 2") is None
        for _ in range(2):
            await other.begin_run(replace(RUN, state="FAILED"), "another")
        assert await world.store.request("run 1") == "another"
        assert list(await world.store.runs()) == [replace(RUN, state="FAILED")]

    async def test_a_run_is_begun_with_its_request_or_not_at_all(self, world: World) -> None:
        with pytest.raises(InputError):
            await world.store.begin_run(RUN, "\ud800")
        assert await world.store.run("run 1") is None
        assert await world.store.request("run 1") is None

    async def test_runs_are_found_by_what_is_known_of_them(self, world: World) -> None:
        for number, name in enumerate(("abc1", "abc2", "ABC3", "a%c4", "a_c5")):
            pipeline = "one" if number < 2 else "two"
            row = replace(RUN, run_id=name, pipeline=pipeline, created_at=float(number), state=pipeline.upper())
            await world.store.save_run(row)
        store = await world.another()
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({}, ["a_c5", "a%c4", "ABC3", "abc2", "abc1"]),
            ({"limit": 2}, ["a_c5", "a%c4"]),
            ({"prefix": "abc"}, ["abc2", "abc1"]),
            ({"prefix": "abc1"}, ["abc1"]),
            ({"prefix": "a%"}, ["a%c4"]),
            ({"prefix": "a_"}, ["a_c5"]),
            ({"prefix": "abc11"}, []),
            ({"pipeline": "one"}, ["abc2", "abc1"]),
            ({"state": "TWO", "prefix": "A"}, ["ABC3"]),
            ({"state": "TWO", "pipeline": "one"}, []),
        ]
        for wanted, names in cases:
            assert [run.run_id for run in await store.find_runs(**wanted)] == names

    async def test_the_latest_runs_are_one_of_each_pipeline_and_namespace(self, world: World) -> None:
        for number, (pipeline, namespace) in enumerate([("p", "n"), ("q", "n"), ("p", "n"), ("p", "m")]):
            row = replace(RUN, run_id=f"{number}", pipeline=pipeline, namespace=namespace, created_at=float(number))
            await world.store.save_run(row)
        await world.store.save_run(replace(RUN, run_id="22", pipeline="p", namespace="n", created_at=2.0))
        assert [run.run_id for run in await world.store.latest_runs()] == ["3", "2", "1"]

    async def test_a_tally_counts_steps(self, world: World) -> None:
        def ended(name: str, state: str, result: str, saved: float = 0.0) -> None:
            tasks.append(TASK._replace(name=name, state=state, result=result, saved=saved, key=""))

        tasks = [TASK._replace(run_id="another")]
        ended("executed", "SUCCEEDED", "miss")
        ended("uncached", "SUCCEEDED", "off")
        ended("reused", "SUCCEEDED", "hit", 1.5)
        ended("shared", "SUCCEEDED", "shared", 2.0)
        ended("whole", "SUCCEEDED", "hit", 4.0)  # with its tasks
        ended("whole/nested", "SUCCEEDED", "none")
        ended("whole/nested/first", "SUCCEEDED", "hit")
        ended("whole/second", "SUCCEEDED", "hit")
        ended("loop", "FAILED", "none")
        ended("loop[0]", "FAILED", "none")
        ended("loop[0]/fails", "FAILED", "miss")
        ended("loop[1]", "SUCCEEDED", "miss")
        ended("early", "FAILED", "none")
        ended("skipped", "SKIPPED", "none")
        ended("running", "RUNNING", "miss")
        await world.store.save_tasks(tasks)
        store = await world.another()
        tallies = await store.tallies(["run 1", "another", "unknown"])
        assert tallies == {
            "run 1": Tally(executed=3, reused=3, shared=1, failed=2, saved=7.5),
            "another": Tally(saved=1.5),
            "unknown": Tally(),
        }
        assert await store.tallies([]) == {}

    async def test_an_executed_task_is_found_by_what_it_published(self, world: World) -> None:
        key = a_key()
        executed = TASK._replace(key=key, result="miss", published_by="first", state="SUCCEEDED")
        await world.store.save_tasks(
            [
                executed,
                executed._replace(run_id="run 2", result="hit"),
                executed._replace(run_id="run 3", published_by="second"),
                executed._replace(run_id="run 4", key=a_key("another")),
            ]
        )
        store = await world.another()
        assert await store.executed_task(key, "first") == executed
        assert await store.executed_task(key, "third") is None
        assert await store.executed_task(a_key("unknown"), "first") is None
        with pytest.raises(InputError, match="no cache key"):
            await store.executed_task("x", "first")

    async def test_entries_are_found_by_what_is_known_of_them(self, world: World) -> None:
        await three(world)
        for wanted, numbers in (
            (ALL, [0, 1, 2]),
            (EntryFilter(prefix="a0"), [0, 1]),
            (EntryFilter(prefix=KEYS[1]), [1]),
            (EntryFilter(prefix="c"), []),
            (EntryFilter(component="comp-1"), [1]),
            (EntryFilter(component="1"), [1]),
            (EntryFilter(component="omp-1"), []),
            (EntryFilter(pipeline="pipeline 2"), [2]),
            (EntryFilter(namespace="namespace 0"), [0, 2]),
            (EntryFilter(namespace="namespace 0", prefix="a"), [0]),
            (EntryFilter(older_than=10.0), [0, 1]),
            (EntryFilter(older_than=9.999), [0, 1, 2]),
            (EntryFilter(larger_than=0), [1, 2]),
            (EntryFilter(larger_than=100), [2]),
            (EntryFilter(larger_than=210), []),
        ):
            assert await found(world, wanted) == numbers, wanted

    async def test_entries_come_in_the_order_that_is_asked_for(self, world: World) -> None:
        await three(world)
        for order, numbers in (
            (Order.NEWEST, [2, 1, 0]),
            (Order.OLDEST, [0, 1, 2]),
            (Order.LARGEST, [2, 1, 0]),
            (Order.HITS, [1, 2, 0]),
            (Order.UNUSED, [0, 2, 1]),
        ):
            assert await found(world, ALL, order) == numbers, order
        assert [entry.key for entry in await world.store.find_entries(ALL, limit=1)] == [KEYS[2]]

    async def test_an_entry_is_told_whole(self, world: World) -> None:
        assert await world.store.entry_details(KEYS[0]) is None
        await three(world)
        told = await (await world.another()).entry_details(KEYS[1])
        assert told is not None
        entry = await world.store.lookup(KEYS[1])
        assert entry is not None
        summary = told.summary
        assert (told.template, told.output, told.parts) == ("template 1", "output 1", '{"number": 1}')
        assert (summary.key, summary.id, summary.published_by) == (KEYS[1], entry.id, entry.published_by)
        assert (summary.namespace, summary.pipeline, summary.component) == ("namespace 1", "pipeline 1", "comp-1")
        assert (summary.task, summary.run_id, summary.duration) == ("task-1", "run 1", 1.5)
        assert (summary.max_staleness, summary.hits, summary.size) == (59, 3, 100)
        assert (summary.started_at, summary.used_at, summary.age) == (EPOCH + 10, EPOCH + 30, 20)
        with pytest.raises(InputError, match="no cache key"):
            await world.store.entry_details("a0")

    async def test_a_refreshed_entry_is_told_as_it_is_now(self, world: World) -> None:
        await publish(world.store, KEYS[0], record(0, 100, 200))
        await world.advance(5)
        await publish(world.store, KEYS[0], record(1, 300), max_staleness=0)
        (summary,) = await world.store.find_entries(ALL)
        assert (summary.size, summary.component, summary.age) == (300, "comp-1", 0)
        await world.store.invalidate(KEYS[0])
        assert list(await world.store.find_entries(ALL)) == []

    async def test_entries_of_a_template_come_in_pages(self, world: World) -> None:
        await three(world)
        store = await world.another()
        first = await store.entries_of_template("template ", limit=2)
        assert [entry.output for entry in first] == ["output 0", "output 1"]
        rest = await store.entries_of_template("template ", after=first[-1].summary.id, limit=2)
        assert [entry.output for entry in rest] == ["output 2"]
        assert [entry.output for entry in await store.entries_of_template("template 1")] == ["output 1"]
        assert list(await store.entries_of_template("Template")) == []

    async def test_a_closed_store_is_not_looked_through(self, world: World) -> None:
        closed = await world.another()
        await closed.close()
        for call in (
            closed.begin_run(RUN, ""),
            closed.request("run 1"),
            closed.find_runs(),
            closed.latest_runs(),
            closed.tallies(["run 1"]),
            closed.executed_task(KEYS[0], ""),
            closed.find_entries(ALL),
            closed.entry_details(KEYS[0]),
            closed.entries_of_template(""),
        ):
            with pytest.raises(StoreUnavailableError, match="closed"):
                await call
