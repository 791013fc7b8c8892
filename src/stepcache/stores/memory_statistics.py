"""Numbers, counted in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stepcache.stores.memory_state import MemoryState, StoredEntry
from stepcache.stores.runs import RunRow, TaskRow

if TYPE_CHECKING:
    from stepcache.stores.counts import EntryCount, TaskCount, Unreused

_CAME = ("hit", "shared", "miss", "off")
_REUSED = ("hit", "shared")


class MemoryStatistics:
    """``stores.statistics.StatisticsStore`` over one state."""

    _state: MemoryState
    _closed: bool

    async def count_tasks(
        self, *, since: float, pipeline: str | None, origin: float, width: float
    ) -> Sequence[TaskCount]:
        """See the contract."""
        from stepcache.stores.counts import TaskCount

        counts: dict[tuple[str, float, str, str], tuple[int, float, float]] = {}
        with self._state.held(closed=self._closed) as state:
            for task, run in _came(state, since, pipeline):
                began = origin + math.floor((run.created_at - origin) / width) * width
                group = (run.pipeline, began, task.result, task.reason)
                tasks, seconds, saved = counts.get(group, (0, 0.0, 0.0))
                tasks += task.members == 0
                counts[group] = (tasks, seconds + _seconds(task), saved + task.saved)
        return [TaskCount(*group, *numbers) for group, numbers in counts.items()]

    async def count_entries(self, *, since: float, pipeline: str | None) -> EntryCount:
        """See the contract."""
        from stepcache.stores.counts import EntryCount

        with self._state.held(closed=self._closed) as state:
            chosen = [entry for entry in state.entries.values() if _is_wanted(entry, since, pipeline)]
            own = [entry for entry in chosen if not _is_nested(entry)]
            named = [artifact for entry in own for artifact in set(entry.record.artifacts)]
        sizes = {artifact.digest: artifact.size for artifact in named}
        return EntryCount(
            entries=len(chosen),
            keys=len(chosen),
            nested=len(chosen) - len(own),
            hits=sum(entry.hits for entry in chosen),
            artifacts=len(sizes),
            kept=sum(sizes.values()),
            named=sum(artifact.size for artifact in named),
        )

    async def never_reused(self, *, since: float, pipeline: str | None, limit: int) -> Sequence[Unreused]:
        """See the contract."""
        from stepcache.stores.counts import Unreused

        costs: dict[tuple[str, str], tuple[int, float]] = {}
        reused = set()
        with self._state.held(closed=self._closed) as state:
            for task, run in _came(state, since, pipeline):
                group = (run.pipeline, task.component)
                if task.result in _REUSED:
                    reused.add(group)
                executions, seconds = costs.get(group, (0, 0.0))
                costs[group] = (executions + 1, seconds + _seconds(task))
        found = [Unreused(*group, *cost) for group, cost in costs.items() if group not in reused]
        return sorted(found, key=lambda one: (-one.seconds, one.pipeline, one.component))[:limit]


def _came(state: MemoryState, since: float, pipeline: str | None) -> Iterator[tuple[TaskRow, RunRow]]:
    for task in state.tasks.values():
        run = state.runs.get(task.run_id)
        if run is None or run.created_at < since or task.result not in _CAME:
            continue
        if pipeline is None or run.pipeline == pipeline:
            yield task, run


def _seconds(task: TaskRow) -> float:
    return 0.0 if task.result in _REUSED else max(0.0, task.finished_at - task.started_at)


def _is_wanted(entry: StoredEntry, since: float, pipeline: str | None) -> bool:
    return entry.started_at // 1000 >= int(since) and pipeline in (None, entry.record.description.pipeline)


def _is_nested(entry: StoredEntry) -> bool:
    return entry.record.template.startswith('{"dag"')
