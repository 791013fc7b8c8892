"""What tells a change from what is seen for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stepcache.cache.reason import Reason
from stepcache.pipelines import loading
from stepcache.pipelines.earlier import EarlierExecutions
from stepcache.stores.memory import MemoryStore
from stepcache.stores.runs import RunRow, TaskRow
from tests.pipelines.compiled import Step, constant, write
from tests.pipelines.planned import plan
from tests.pipelines.running import run

BEFORE = 10.0


class CountingStore(MemoryStore):
    """Notes how often it is asked."""

    asked = 0

    async def executed_keys(
        self, component: str, namespace: str, *, before: float, limit: int = 2
    ) -> Sequence[str]:
        self.asked += 1
        return await super().executed_keys(component, namespace, before=before, limit=limit)


async def executed(store: MemoryStore, *keys: str, started_at: float = 1.0) -> None:
    await store.save_run(RunRow("run", "pipeline", "SUCCEEDED", "{}", 0.0, namespace="team"))
    tasks = [
        TaskRow("run", key, 0, "SUCCEEDED", "fit", "miss", key=key, started_at=started_at, parts="{}")
        for key in keys
    ]
    await store.save_tasks(tasks)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), Reason.FIRST_SEEN),
        (("own",), Reason.FIRST_SEEN),
        (("other",), Reason.CHANGED),
        (("own", "other"), Reason.CHANGED),
        (("one", "two", "own"), Reason.CHANGED),
    ],
)
async def test_another_key_before_is_a_change(keys: tuple[str, ...], expected: Reason) -> None:
    store = MemoryStore()
    await executed(store, *keys)
    earlier = EarlierExecutions(store, "team", BEFORE)
    assert await earlier.reason(Reason.FIRST_SEEN, "fit", "own") is expected


async def test_what_began_since_or_elsewhere_does_not_count() -> None:
    store = MemoryStore()
    await executed(store, "other", started_at=BEFORE)
    assert await EarlierExecutions(store, "team", BEFORE).reason(Reason.FIRST_SEEN, "fit", "own") == "first_seen"
    for namespace, component in (("other", "fit"), ("team", "other")):
        earlier = EarlierExecutions(store, namespace, BEFORE + 1)
        assert await earlier.reason(Reason.FIRST_SEEN, component, "own") == "first_seen"


async def test_the_store_is_asked_once_for_a_component_and_for_no_other_reason() -> None:
    store = CountingStore()
    earlier = EarlierExecutions(store, "team", BEFORE)
    for reason in set(Reason) - {Reason.FIRST_SEEN}:
        assert await earlier.reason(reason, "fit", "own") is reason
    assert store.asked == 0
    for number in range(5):
        await earlier.reason(Reason.FIRST_SEEN, "fit", f"key {number}")
    assert store.asked == 1


def test_a_run_and_its_plan_say_the_same_of_tasks_with_one_component(tmp_path: Path) -> None:
    """However the first execution is recorded while the others begin: those of the run itself do not count."""
    code = "def work(n: int) -> int:\n    return n"
    home = tmp_path / "home"
    for values, expected in (((1, 2, 3), "first_seen"), ((4, 5, 6), "changed")):
        steps = [Step(f"work-{n}", code, {"n": constant("NUMBER_INTEGER", n)}) for n in values]
        path = write(tmp_path / "works.yaml", *steps)
        text = path.read_text()
        for n in values[1:]:
            text = text.replace(f"name: comp-work-{n}", f"name: comp-work-{values[0]}")
        path.write_text(text.replace(f"work_{values[0]}", "work").replace("comp-work-4", "comp-work-1"))
        pipeline = loading.load(path)
        planned = plan(pipeline, home)
        assert {task.reason for task in planned.tasks} == {expected}
        assert {task.reason for task in run(pipeline, home).tasks} == {expected}
