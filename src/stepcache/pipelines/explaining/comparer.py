"""Compares two runs by what stores have recorded."""

from __future__ import annotations

import json

from stepcache.pipelines import task_order
from stepcache.pipelines.evidence import Evidence
from stepcache.pipelines.explaining import outputs_difference
from stepcache.pipelines.explaining.difference import Difference, of_members
from stepcache.pipelines.explaining.explainer import Explainer, with_origin
from stepcache.pipelines.explaining.makers import Makers
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.explaining.run_difference import RunDifference, TaskDifference
from stepcache.stores.opening import FullStore
from stepcache.stores.runs import RunRow, TaskRow


class Comparer:
    """Reads a store. Changes nothing. May raise StoreUnavailableError."""

    def __init__(self, store: FullStore, explainer: Explainer) -> None:
        self._store = store
        self._explainer = explainer

    async def compare(self, old: RunRow, new: RunRow) -> RunDifference:
        """What is different in ``new``."""
        before = {task.name: task for task in await self._store.tasks(old.run_id)}
        after = {task.name: task for task in task_order.in_order(await self._store.tasks(new.run_id))}
        both = [(before[name], task) for name, task in after.items() if name in before]
        parts = await self._parts(both)
        makers = Makers.of(before.values(), after.values())
        found = [await self._task(one, other, parts, makers) for one, other in both]
        differing = tuple(task for task in found if task.aspects)
        return RunDifference(
            old=old,
            new=new,
            parameters=tuple(of_members(Part.PARAMETER, json.loads(old.parameters), json.loads(new.parameters))),
            only_in_old=tuple(name for name in before if name not in after),
            only_in_new=tuple(name for name in after if name not in before),
            tasks=differing,
            same=len(found) - len(differing),
        )

    async def _parts(self, both: list[tuple[TaskRow, TaskRow]]) -> dict[str, str]:
        """The parts of all keys that differ, by key."""
        changed = [pair for pair in both if pair[0].key and pair[1].key and pair[0].key != pair[1].key]
        found = dict(await self._store.parts_of({task.key for pair in changed for task in pair}))
        # The run's own go before those of another home, which masks otherwise.
        return found | {task.key: task.parts for pair in changed for task in pair if task.parts}

    async def _task(self, old: TaskRow, new: TaskRow, parts: dict[str, str], makers: Makers) -> TaskDifference:
        differences: tuple[Difference, ...] = ()
        if old.key != new.key:
            found = await self._explainer.differences(parts.get(old.key, ""), parts.get(new.key, ""))
            evidence = Evidence.from_text(new.evidence)
            known = (with_origin(difference, evidence) for difference in found)
            differences = tuple(makers.complete(difference) for difference in known)
        outputs = outputs_difference.compare(old.outputs, new.outputs) if old.state == new.state else ()
        return TaskDifference(old, new, differences, outputs)
