"""What was executed before, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from stepcache.stores.cache_key import check, check_all
from stepcache.stores.memory_state import MemoryState
from stepcache.stores.runs import RunRow, TaskRow

if TYPE_CHECKING:
    from stepcache.stores.execution import Execution


class MemoryHistory:
    """``stores.history.HistoryStore`` over one state."""

    _state: MemoryState
    _closed: bool

    async def executed_keys(
        self, component: str, namespace: str, *, before: float, limit: int = 2
    ) -> Sequence[str]:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            found = _earlier(state, component, namespace, before)
            return list(dict.fromkeys(task.key for task, _ in found))[:limit]

    async def executions(
        self, component: str, namespace: str, *, before: float, pipeline: str | None = None, limit: int = 100
    ) -> Sequence[Execution]:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            found = _earlier(state, component, namespace, before)
            chosen = [(task, run) for task, run in found if pipeline is None or run.pipeline == pipeline]
            return _newest_first(chosen, limit)

    async def executions_of(self, key: str, *, limit: int = 100) -> Sequence[Execution]:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            return _newest_first([(task, run) for task, run in _executed(state) if task.key == key], limit)

    async def parts_of(self, keys: Collection[str]) -> Mapping[str, str]:
        """See the contract."""
        check_all(keys)
        with self._state.held(closed=self._closed) as state:
            found = {key: state.entries[key].record.description.parts for key in keys if key in state.entries}
            wanted = frozenset(keys)
            for task, _ in _executed(state):
                if task.key in wanted and task.parts:
                    found[task.key] = task.parts
            return found

    async def keys_from(self, prefix: str, *, limit: int = 2) -> Sequence[str]:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            return sorted(key for key in state.entries if key.startswith(prefix))[:limit]


def _executed(state: MemoryState) -> Iterator[tuple[TaskRow, RunRow]]:
    for task in state.tasks.values():
        run = state.runs.get(task.run_id)
        if task.result == "miss" and run is not None:
            yield task, run


def _earlier(state: MemoryState, component: str, namespace: str, before: float) -> Iterator[tuple[TaskRow, RunRow]]:
    for task, run in _executed(state):
        wanted = task.component == component and run.namespace == namespace
        if wanted and task.started_at < before and task.parts:
            yield task, run


def _newest_first(found: list[tuple[TaskRow, RunRow]], limit: int) -> list[Execution]:
    from stepcache.stores.execution import Execution

    found.sort(key=lambda pair: (-pair[0].started_at, pair[0].run_id, pair[0].position))
    return [
        Execution(
            run_id=task.run_id,
            pipeline=run.pipeline,
            task=task.name,
            component=task.component,
            state=task.state,
            key=task.key,
            started_at=task.started_at,
            finished_at=task.finished_at,
            outputs=task.outputs,
            published_by=task.published_by,
            parts=task.parts,
        )
        for task, run in found[:limit]
    ]
