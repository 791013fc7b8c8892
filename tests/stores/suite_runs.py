"""Runs and tasks, as recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stepcache.errors import InputError
from stepcache.stores.runs import RunRow, TaskRow
from tests.stores.world import World

RUN = RunRow(
    run_id="run 1",
    pipeline="pipeline ä",
    state="RUNNING",
    holder="{}",
    created_at=1.25,
    namespace="namespace",
    source="a.yaml",
    parameters='{"n": 3}',
)
TASK = TaskRow(
    run_id="run 1",
    name="train/for-loop-1[0]/fit",
    position=1,
    state="RUNNING",
    component="fit",
    result="miss",
    reason="first_seen",
    key="a" * 64,
    started_at=2.5,
    log="runs/1/fit.log",
    outputs='{"a": 1}',
    published_by="b" * 32,
    saved=1.5,
    parts='{"component": "fit"}',
    evidence='{"set_by": "--refresh"}',
    members=2,
)
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


class RunSuite:
    async def test_a_run_is_read_as_it_was_saved(self, world: World) -> None:
        await world.store.save_run(RUN)
        other = await world.another()
        assert await other.run("run 1") == RUN
        assert await other.run("run 2") is None
        changed = replace(RUN, state="FAILED", finished_at=9.5, error="why", outputs='{"b": 2}')
        for _ in range(2):
            await other.save_run(changed)
        assert await world.store.run("run 1") == changed
        assert list(await world.store.runs()) == [changed]

    async def test_runs_are_listed_newest_first(self, world: World) -> None:
        rows = [replace(RUN, run_id=f"{n}", created_at=float(n // 2), state=ENDED[n % 3]) for n in range(6)]
        for row in rows:
            await world.store.save_run(row)
        assert [row.run_id for row in await world.store.runs()] == ["4", "5", "2", "3", "0", "1"]
        assert [row.run_id for row in await world.store.runs(limit=3)] == ["4", "5", "2"]
        assert [row.run_id for row in await world.store.runs(state="FAILED")] == ["4", "1"]
        assert list(await world.store.runs(state="RUNNING")) == []

    async def test_tasks_are_read_as_they_were_saved(self, world: World) -> None:
        await world.store.save_tasks([TASK, TASK._replace(name="first", position=0)])
        await world.store.save_tasks([TASK._replace(run_id="run 2", state="PENDING")])
        await world.store.save_tasks([TASK._replace(state="SUCCEEDED", finished_at=7.5)])
        await world.store.save_tasks([])
        tasks = await (await world.another()).tasks("run 1")
        assert list(tasks) == [
            TASK._replace(name="first", position=0),
            TASK._replace(state="SUCCEEDED", finished_at=7.5),
        ]
        assert list(await world.store.tasks("run 3")) == []

    async def test_tasks_are_saved_all_or_none(self, world: World) -> None:
        with pytest.raises(InputError):
            await world.store.save_tasks([TASK, TASK._replace(name="\ud800")])
        assert list(await world.store.tasks("run 1")) == []

    async def test_a_run_is_finished_once(self, world: World) -> None:
        await world.store.save_run(RUN)
        instances = [world.store, await world.another()] * 3
        answers = await asyncio.gather(
            *(
                store.finish_run(
                    "run 1", unless=ENDED, state=ENDED[number % 3], finished_at=float(number), error=f"{number}"
                )
                for number, store in enumerate(instances)
            )
        )
        assert sorted(answers) == [False] * 5 + [True]
        winner = answers.index(True)
        run = await world.store.run("run 1")
        assert run == replace(RUN, state=ENDED[winner % 3], finished_at=float(winner), error=f"{winner}")

    async def test_finishing_a_run_ends_what_it_had_not_finished(self, world: World) -> None:
        states = ["PENDING", "RUNNING", "SUCCEEDED", "CACHED", "SKIPPED", "FAILED"]
        await world.store.save_run(RUN)
        await world.store.save_tasks(
            [TASK._replace(name=state, position=n, state=state, finished_at=1.5) for n, state in enumerate(states)]
        )
        await world.store.save_tasks([TASK._replace(run_id="run 2")])
        assert await world.store.finish_run(
            "run 1", unless=ENDED, state="CANCELED", finished_at=9.5, error="why", outputs='{"a": 1}'
        )
        tasks = await world.store.tasks("run 1")
        assert [task.state for task in tasks] == ["CANCELED", "CANCELED", *states[2:]]
        assert [task.finished_at for task in tasks] == [9.5, 9.5, 1.5, 1.5, 1.5, 1.5]
        assert list(await world.store.tasks("run 2")) == [TASK._replace(run_id="run 2")]
        run = await world.store.run("run 1")
        assert run is not None
        assert (run.state, run.error, run.outputs) == ("CANCELED", "why", '{"a": 1}')

    async def test_a_run_that_has_ended_or_is_not_there_is_not_finished(self, world: World) -> None:
        ended = replace(RUN, state="SUCCEEDED", finished_at=3.5)
        await world.store.save_run(ended)
        await world.store.save_tasks([TASK])
        for run_id in ("run 1", "run 2"):
            assert not await world.store.finish_run(
                run_id, unless=ENDED, state="FAILED", finished_at=9.5, error="dead"
            )
        assert await world.store.run("run 1") == ended
        assert list(await world.store.tasks("run 1")) == [TASK]
        assert await world.store.run("run 2") is None
