"""Explains runs by what stores have recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stepcache.cache.reason import Reason
from stepcache.errors import InputError
from stepcache.executors.environments.kept import KeptEnvironments
from stepcache.executors.environments.lock import Lock
from stepcache.pipelines import task_order
from stepcache.pipelines.evidence import Evidence
from stepcache.pipelines.explaining import outputs_difference, parts_difference, reason_words, spans
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.entry_explanation import EntryExplanation
from stepcache.pipelines.explaining.outputs_difference import OutputDifference
from stepcache.pipelines.explaining.past import Past
from stepcache.pipelines.explaining.reason_words import Found, Words
from stepcache.pipelines.explaining.run_explanation import EXECUTED, REUSED, RunExplanation
from stepcache.pipelines.explaining.task_explanation import TaskExplanation
from stepcache.stores.execution import Execution
from stepcache.stores.opening import FullStore
from stepcache.stores.runs import RunRow, TaskRow

_REASONS = frozenset(Reason)
"""Those of this release; a newer one may have recorded others."""


class Explainer:
    """Reads a store, and the locks of packages that are kept below a home. Changes nothing.

    Every method may raise StoreUnavailableError.
    """

    def __init__(self, store: FullStore, home: Path) -> None:
        self._store = store
        self._locks = KeptEnvironments(home)
        self._known_locks: dict[str, Lock | None] = {}

    async def run(self, run: RunRow) -> RunExplanation:
        """Every task of a run that came to the cache, and every one that failed before."""
        past = self.past(run)
        tasks = task_order.in_order(await self._store.tasks(run.run_id))
        shown = [task for task in tasks if task.result != "none" or (task.state == "FAILED" and task.error)]
        return RunExplanation(run, tuple([await self._task(run, task, past) for task in shown]))

    async def task(self, run: RunRow, task: TaskRow) -> TaskExplanation:
        """One task of a run, and if it was reused, what from."""
        found = await self._task(run, task, self.past(run))
        if task.result not in REUSED or not task.key:
            return found
        executions = await self._store.executions_of(task.key)
        by = next((one for one in executions if one.published_by == task.published_by), None)
        return replace(found, executed_by=by, words=_reused(task, by))

    async def entry(self, key: str) -> EntryExplanation:
        """The entry of a key. Raises InputError when there is none."""
        entry, description = await self._store.lookup(key), await self._store.describe(key)
        if entry is None or description is None:
            raise InputError(f"there is no entry of the key {key}", remedy="see 'stepcache explain RUN' for keys")
        executions = await self._store.executions_of(key)
        made_by = next((one for one in executions if one.published_by == entry.published_by), None)
        run = None if made_by is None else await self._store.run(made_by.run_id)
        if made_by is None or run is None:
            return EntryExplanation(entry, description, made_by, len(executions))
        task = next(one for one in await self._store.tasks(run.run_id) if one.name == made_by.task)
        past = self.past(run)
        nearest, differences = await self._compared(run, task, past, Evidence.from_text(task.evidence))
        twin, unstable = _unstable(task, await past.last_of(key))
        return EntryExplanation(entry, description, made_by, len(executions), differences, nearest, unstable, twin)

    def past(self, run: RunRow) -> Past:
        """What was executed before ``run``."""
        return Past(self._store, run.namespace, run.created_at)

    async def differences(self, old: str, new: str) -> tuple[Difference, ...]:
        """How the parts of two different keys differ, given as JSON texts; none where one is not recorded."""
        if not old or not new:
            return ()
        return parts_difference.compare(json.loads(old), json.loads(new), self._find_lock)

    async def _task(self, run: RunRow, task: TaskRow, past: Past) -> TaskExplanation:
        if task.result not in EXECUTED:
            return TaskExplanation(task, _reused(task, None))
        if task.reason not in _REASONS:
            return TaskExplanation(task, Words(f"executed: {task.reason or 'the reason was not recorded'}", ""))
        reason = Reason(task.reason)
        evidence = Evidence.from_text(task.evidence)
        before = await past.last_of(task.key) if task.key else ()
        nearest: Execution | None = None
        differences: tuple[Difference, ...] = ()
        if reason in (Reason.FIRST_SEEN, Reason.CHANGED):
            nearest, differences = await self._compared(run, task, past, evidence)
        twin, unstable = _unstable(task, before)
        found = Found(
            evidence=evidence,
            differences=differences,
            nearest=nearest,
            before=before[0] if before else None,
            damaged=_damaged(evidence.damaged, before),
        )
        return TaskExplanation(task, reason_words.of(reason, found), differences, nearest, unstable, twin)

    async def _compared(
        self, run: RunRow, task: TaskRow, past: Past, evidence: Evidence
    ) -> tuple[Execution | None, tuple[Difference, ...]]:
        """The nearest execution before, and how the task's differs from it."""
        parts = task.parts or (await self._store.parts_of([task.key])).get(task.key, "")
        if not parts:
            return None, ()
        nearest = await past.nearest(task.component, run.pipeline, task.key, json.loads(parts))
        if nearest is None:
            return None, ()
        found = await self.differences(nearest.parts, parts)
        return nearest, tuple(with_origin(difference, evidence) for difference in found)

    def _find_lock(self, digest: str) -> Lock | None:
        if digest not in self._known_locks:
            self._known_locks[digest] = self._locks.find(digest)
        return self._known_locks[digest]


def with_origin(difference: Difference, evidence: Evidence) -> Difference:
    """The difference, and where its new value came from, if it is that of an input."""
    if difference.part not in ("parameter", "input"):
        return difference
    origin = evidence.origins.get(difference.name.partition(".")[0])
    return difference if origin is None else replace(difference, origin=origin)


def _unstable(task: TaskRow, before: Sequence[Execution]) -> tuple[Execution | None, tuple[OutputDifference, ...]]:
    """The last execution of the same key that left other outputs, if the last one that succeeded did."""
    twin = next((one for one in before if one.state == "SUCCEEDED"), None)
    if twin is None or task.state != "SUCCEEDED":
        return None, ()
    found = outputs_difference.compare(twin.outputs, task.outputs)
    return (twin, found) if found else (None, ())


def _damaged(digest: str, before: Sequence[Execution]) -> str:
    names = (outputs_difference.holding(one.outputs, digest) for one in before if digest)
    return next(filter(None, names), "")


def _reused(task: TaskRow, by: Execution | None) -> Words:
    if task.result not in REUSED:
        return Words(task.error or "it did not come to the cache", "")
    saved = f", which saved {spans.words(task.saved)}" if task.saved else ""
    if task.members:
        return Words(f"reused as a whole: {task.members} tasks{saved}", "")
    words = "shared with another run, which executed it" if task.result == "shared" else "reused"
    return Words(f"{words}{f' from run {by.run_id}, task {by.task}' if by else ''}{saved}", "")
