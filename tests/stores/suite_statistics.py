"""Numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stepcache.stores.counts import EntryCount, TaskCount, Unreused
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.runs import TaskRow
from tests.stores.suite_runs import RUN, TASK
from tests.stores.world import EPOCH, World, a_key

DAY = 86400.0
ALL: dict[str, Any] = {"since": 0.0, "pipeline": None}


def a_task(name: str, result: str, reason: str = "", **changes: Any) -> TaskRow:
    row = TASK._replace(name=name, result=result, reason=reason, saved=0.0, members=0)
    return row._replace(**{"started_at": 10.0, "finished_at": 12.5, **changes})


async def save(world: World, day: float, *tasks: TaskRow, pipeline: str = "pipeline") -> None:
    """A run that was made on that day of the epoch."""
    run_id = f"{pipeline} {day}"
    await world.store.save_run(replace(RUN, run_id=run_id, pipeline=pipeline, created_at=day * DAY))
    await world.store.save_tasks([task._replace(run_id=run_id) for task in tasks])


def stored(*artifacts: tuple[str, int], **changes: Any) -> Record:
    described = Description(pipeline=changes.pop("pipeline", "pipeline"))
    references = tuple(ArtifactReference(digest * 64, size) for digest, size in artifacts)
    return Record("output", description=described, artifacts=references, **changes)


class StatisticsSuite:
    async def test_tasks_are_counted_by_pipeline_interval_result_and_reason(self, world: World) -> None:
        assert list(await world.store.count_tasks(**ALL, origin=0.0, width=DAY)) == []
        await save(
            world,
            1.0,
            a_task("a", "miss", "first_seen"),
            a_task("b", "miss", "first_seen"),
            a_task("c", "miss", "changed", finished_at=0.0),
            a_task("d", "off", "caching_off"),
            a_task("e", "none"),
        )
        await save(world, 2.5, a_task("a", "hit", saved=2.5), a_task("b", "shared", saved=1.0), pipeline="other")
        await save(world, 2.0, a_task("a", "hit", saved=0.5), a_task("b", "hit", saved=0.25))
        store = await world.another()
        expected = {
            TaskCount("pipeline", DAY, "miss", "first_seen", 2, 5.0, 0.0),
            TaskCount("pipeline", DAY, "miss", "changed", 1, 0.0, 0.0),
            TaskCount("pipeline", DAY, "off", "caching_off", 1, 2.5, 0.0),
            TaskCount("other", 2 * DAY, "hit", "", 1, 0.0, 2.5),
            TaskCount("other", 2 * DAY, "shared", "", 1, 0.0, 1.0),
            TaskCount("pipeline", 2 * DAY, "hit", "", 2, 0.0, 0.75),
        }
        assert set(await store.count_tasks(**ALL, origin=0.0, width=DAY)) == expected
        of_one = await store.count_tasks(since=0.0, pipeline="other", origin=0.0, width=DAY)
        assert set(of_one) == {count for count in expected if count.pipeline == "other"}
        late = await store.count_tasks(since=2.5 * DAY, pipeline=None, origin=0.0, width=DAY)
        assert set(late) == {count for count in expected if count.pipeline == "other"}

    async def test_intervals_are_counted_from_their_origin(self, world: World) -> None:
        for day in (0.25, 0.75, 1.0, 7.75):
            await save(world, day, a_task("a", "hit", saved=1.0))
        counts = await world.store.count_tasks(**ALL, origin=-0.5 * DAY, width=DAY)
        assert {count.began / DAY: count.tasks for count in counts} == {-0.5: 1, 0.5: 2, 7.5: 1}

    async def test_a_dag_that_was_reused_as_a_whole_counts_by_its_tasks(self, world: World) -> None:
        await save(
            world,
            1.0,
            a_task("dag", "hit", saved=9.5, members=2),
            *(a_task(f"dag/{name}", "hit", saved=0.0) for name in "ab"),
        )
        (count,) = await world.store.count_tasks(**ALL, origin=0.0, width=DAY)
        assert (count.tasks, count.saved) == (2, 9.5)

    async def test_entries_and_what_they_share_are_counted(self, world: World) -> None:
        store = world.store
        assert await store.count_entries(**ALL) == EntryCount()
        await store.put(a_key(1), stored(("a", 100), ("b", 10)))
        await store.put(a_key(2), stored(("a", 100)))
        await store.put(a_key(3), stored(("a", 100), ("b", 10), template='{"dag": "comp-inner"}'))
        await world.advance(10)
        await store.put(a_key(4), stored(("c", 5), pipeline="other"))
        await store.put(a_key(5), stored(pipeline="other"))
        await store.count_hits({a_key(1): 3, a_key(4): 1})
        assert await store.count_entries(**ALL) == EntryCount(5, 5, 1, 4, 3, 115, 215)
        assert await store.count_entries(since=0.0, pipeline="other") == EntryCount(2, 2, 0, 1, 1, 5, 5)
        assert await store.count_entries(since=EPOCH + 5.0, pipeline=None) == EntryCount(2, 2, 0, 1, 1, 5, 5)
        assert await store.count_entries(since=EPOCH + 5.0, pipeline="pipeline") == EntryCount()

    async def test_what_is_withdrawn_is_counted_no_more(self, world: World) -> None:
        await world.store.put(a_key(1), stored(("a", 100)))
        await world.store.invalidate(a_key(1))
        assert await world.store.count_entries(**ALL) == EntryCount()

    async def test_components_that_were_never_reused_are_told_by_their_cost(self, world: World) -> None:
        tasks = [
            a_task("a", "miss", component="reused"),
            a_task("b", "miss", component="cheap", finished_at=11.0),
            a_task("c", "off", component="dear", finished_at=20.0),
            a_task("d", "miss", component="cheap", finished_at=11.0),
        ]
        await save(world, 1.0, *tasks)
        await save(world, 2.0, a_task("a", "hit", component="reused"))
        await save(world, 2.0, a_task("a", "miss", component="reused"), pipeline="other")
        dear = Unreused("pipeline", "dear", 1, 10.0)
        cheap = Unreused("pipeline", "cheap", 2, 2.0)
        other = Unreused("other", "reused", 1, 2.5)
        store = world.store
        assert list(await store.never_reused(**ALL, limit=10)) == [dear, other, cheap]
        assert list(await store.never_reused(**ALL, limit=1)) == [dear]
        assert list(await store.never_reused(since=2 * DAY, pipeline=None, limit=10)) == [other]
        assert list(await store.never_reused(since=0.0, pipeline="pipeline", limit=10)) == [dear, cheap]
