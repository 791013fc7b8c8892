"""Plans beside what then happened."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from stepcache import api
from stepcache.pipelines import arguments
from stepcache.pipelines.engine import Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.planning.plan import Plan
from stepcache.pipelines.planning.planned_task import Outlook, PlannedTask
from stepcache.pipelines.planning.planner import Planner
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import Given
from stepcache.pipelines.task_record import CacheResult, State, TaskRecord
from stepcache.settings import Settings
from stepcache.stores.opening import FullStore

_RESULTS = {
    Outlook.HIT: {CacheResult.HIT},
    Outlook.MISS: {CacheResult.MISS, CacheResult.SHARED},  # shared with another run that began meanwhile
    Outlook.OFF: {CacheResult.OFF},
    Outlook.NONE: {CacheResult.NONE},
}


def plan(
    pipeline: Pipeline,
    home: Path,
    parameters: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
    **options: Any,
) -> Plan:
    """The plan of what ``running.run`` with the same arguments would do."""

    async def planned() -> Plan:
        async with api.opened_to_read(Settings.resolve({}, home=home)) as cache:
            given = Given(
                texts=dict(parameters or {}),
                artifacts={name: (address,) for name, address in (artifacts or {}).items()},
            )
            inputs = arguments.resolve(pipeline.root, given)
            return await Planner(cache, cast("FullStore", cache.store), home).plan(
                pipeline, inputs, source="test", options=Options(**options)
            )

    return asyncio.run(planned())


def outlooks(plan: Plan) -> dict[str, str]:
    """What is said of each task that has something said of it: the result, and why."""
    return {
        task.name: " ".join(filter(None, (str(task.outlook), str(task.reason), *task.waits_for)))
        for task in plan.tasks
        if task.outlook is not Outlook.NONE
    }


def files(directory: Path) -> dict[Path, bytes | None]:
    """Everything below ``directory``, with its content."""
    return {path: path.read_bytes() if path.is_file() else None for path in directory.rglob("*")}


def disagreements(plan: Plan, result: RunResult) -> list[str]:
    """Where ``result`` is not what ``plan`` said; what was not started because a task failed aside."""
    records = {record.name: record for record in result.tasks}
    planned = {task.name: task for task in plan.tasks}
    found = [
        f"{name}: {task.outlook} {task.reason} {task.note}, then {_words(records.get(name))}"
        for name, task in planned.items()
        if not _agrees(task, records)
    ]
    unknown = [task.name for task in plan.tasks if task.outlook is Outlook.UNKNOWN]
    missing = [
        name
        for name in records
        if name not in planned and not any(name.startswith((f"{other}/", f"{other}[")) for other in unknown)
    ]
    return found + [f"{name}: not planned, then {_words(records[name])}" for name in missing]


def _agrees(task: PlannedTask, records: dict[str, TaskRecord]) -> bool:
    if task.outlook is Outlook.UNKNOWN:
        return True
    record = records.get(task.name)
    if record is None:  # inside of what was not started
        outer = [other for name, other in records.items() if task.name.startswith((f"{name}/", f"{name}["))]
        return bool(outer) and all(other.state is not State.SUCCEEDED for other in outer)
    if "failed" in record.error and record.state is State.SKIPPED:
        return True
    if task.outlook is Outlook.SKIPPED:
        return record.state is State.SKIPPED
    if record.result is CacheResult.MISS and task.outlook is Outlook.MISS and record.reason != task.reason:
        return False
    return record.state is not State.SKIPPED and record.result in _RESULTS[task.outlook]


def _words(record: TaskRecord | None) -> str:
    return "nothing" if record is None else f"{record.state} {record.result} {record.reason} {record.error}"
