"""What was executed before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.stores.entry import Description, Record
from stepcache.stores.execution import Execution
from stepcache.stores.runs import TaskRow
from tests.stores.suite_runs import RUN, TASK
from tests.stores.world import World, a_key

LATER = 100.0


def executed(number: int, **changes: Any) -> TaskRow:
    """The execution of ``fit`` that began at second ``number``, in the run of that number."""
    row = TASK._replace(
        run_id=f"run {number}",
        key=a_key(number),
        started_at=float(number),
        finished_at=number + 0.5,
        parts=f'{{"number": {number}}}',
    )
    return row._replace(**changes)


async def save(world: World, *tasks: TaskRow, pipeline: str = "pipeline", namespace: str = "namespace") -> None:
    for run_id in {task.run_id for task in tasks}:
        await world.store.save_run(replace(RUN, run_id=run_id, pipeline=pipeline, namespace=namespace))
    await world.store.save_tasks(tasks)


class HistorySuite:
    async def test_executions_of_a_component_are_told_newest_first(self, world: World) -> None:
        await save(world, *(executed(number) for number in range(3)))
        store = await world.another()
        found = await store.executions("fit", "namespace", before=LATER)
        assert [execution.run_id for execution in found] == ["run 2", "run 1", "run 0"]
        task = executed(2)
        assert found[0] == Execution(
            run_id="run 2",
            pipeline="pipeline",
            task=task.name,
            component="fit",
            state="RUNNING",
            key=a_key(2),
            started_at=2.0,
            finished_at=2.5,
            outputs=task.outputs,
            published_by=task.published_by,
            parts='{"number": 2}',
        )
        assert len(await store.executions("fit", "namespace", before=LATER, limit=2)) == 2
        assert len(await store.executions("fit", "namespace", before=2.0)) == 2

    async def test_only_executions_with_parts_in_the_namespace_count(self, world: World) -> None:
        await save(
            world,
            executed(0, name="hit", result="hit"),
            executed(0, name="off", result="off"),
            executed(0, name="of an older release", parts=""),
            executed(0, name="other", component="other"),
            executed(0, name="other case", component="FIT"),
        )
        await save(world, executed(1), namespace="other")
        await world.store.save_tasks([executed(2)])  # whose run is not there
        assert list(await world.store.executions("fit", "namespace", before=LATER)) == []
        assert list(await world.store.executed_keys("fit", "namespace", before=LATER)) == []

    async def test_executions_may_be_asked_of_one_pipeline(self, world: World) -> None:
        await save(world, executed(0))
        await save(world, executed(1), pipeline="other")
        for pipeline, run in (("pipeline", "run 0"), ("other", "run 1")):
            found = await world.store.executions("fit", "namespace", before=LATER, pipeline=pipeline)
            assert [execution.run_id for execution in found] == [run]
        assert list(await world.store.executions("fit", "namespace", before=LATER, pipeline="OTHER")) == []
        assert len(await world.store.executions("fit", "namespace", before=LATER)) == 2

    async def test_different_keys_of_a_component_are_told(self, world: World) -> None:
        await save(world, *(executed(number, key=a_key(number % 2)) for number in range(6)))
        store = world.store
        assert set(await store.executed_keys("fit", "namespace", before=LATER)) == {a_key(0), a_key(1)}
        assert list(await store.executed_keys("fit", "namespace", before=1.0)) == [a_key(0)]
        assert list(await store.executed_keys("fit", "namespace", before=0.0)) == []
        assert len(await store.executed_keys("fit", "namespace", before=LATER, limit=1)) == 1

    async def test_executions_of_a_key_are_told_newest_first(self, world: World) -> None:
        await save(world, *(executed(number, key=a_key("one"), parts="") for number in range(3)))
        await save(world, executed(3), executed(4, key=a_key("one"), result="hit"))
        found = await world.store.executions_of(a_key("one"))
        assert [execution.run_id for execution in found] == ["run 2", "run 1", "run 0"]
        assert len(await world.store.executions_of(a_key("one"), limit=1)) == 1
        assert list(await world.store.executions_of(a_key("another"))) == []
        with pytest.raises(InputError):
            await world.store.executions_of("no key")

    async def test_parts_come_from_executions_and_from_entries(self, world: World) -> None:
        await save(world, executed(0), executed(1, parts=""))
        await world.store.put(a_key("entry"), Record("output", description=Description(parts='{"entry": 1}')))
        await world.store.put(a_key(0), Record("output", description=Description(parts='{"entry": 0}')))
        keys = [a_key(name) for name in (0, 1, "entry", "nothing", *range(10, 1500))]
        assert await world.store.parts_of(keys) == {a_key(0): '{"number": 0}', a_key("entry"): '{"entry": 1}'}
        assert await world.store.parts_of([]) == {}
        with pytest.raises(InputError):
            await world.store.parts_of(["' OR 1=1"])

    async def test_keys_of_entries_are_found_by_their_beginning(self, world: World) -> None:
        keys = ["ab" + "0" * 62, "ab" + "f" * 62, "ac" + "0" * 62]
        for key in keys:
            await world.store.put(key, Record("output"))
        assert list(await world.store.keys_from("ab")) == keys[:2]
        assert list(await world.store.keys_from("ab", limit=1)) == keys[:1]
        assert list(await world.store.keys_from("abf")) == [keys[1]]
        assert list(await world.store.keys_from(keys[2])) == [keys[2]]
        assert list(await world.store.keys_from("b")) == []
