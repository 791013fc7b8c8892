"""Looking back at what a store in memory keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from stepcache.stores.cache_key import check
from stepcache.stores.entry_browsing import EntryDetails, EntryFilter, EntrySummary, Order
from stepcache.stores.memory_state import MemoryState, StoredEntry
from stepcache.stores.run_browsing import Tally, TaskEnd, tally
from stepcache.stores.runs import RunRow, TaskRow

_ORDERS: Final[Mapping[Order, Callable[[EntrySummary], float]]] = {
    Order.NEWEST: lambda entry: -entry.started_at,
    Order.OLDEST: lambda entry: entry.started_at,
    Order.LARGEST: lambda entry: -entry.size,
    Order.HITS: lambda entry: -entry.hits,
    Order.UNUSED: lambda entry: entry.used_at,
}


class MemoryBrowsing:
    """``RequestStore``, ``RunBrowsing`` and ``EntryBrowsing`` over a ``MemoryState``."""

    _state: MemoryState
    _closed: bool

    async def begin_run(self, run: RunRow, request: str) -> None:
        """See ``stores.requests``."""
        with self._state.held(closed=self._closed) as state:
            state.begin_run(run, request)

    async def request(self, run_id: str) -> str | None:
        """See ``stores.requests``."""
        with self._state.held(closed=self._closed) as state:
            return state.requests.get(run_id)

    async def find_runs(
        self, *, prefix: str = "", pipeline: str | None = None, state: str | None = None, limit: int = 100
    ) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        with self._state.held(closed=self._closed) as memory:
            found = [
                run
                for run in memory.runs.values()
                if run.run_id.startswith(prefix) and pipeline in (None, run.pipeline) and state in (None, run.state)
            ]
        return _newest_first(found)[:limit]

    async def latest_runs(self) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        with self._state.held(closed=self._closed) as state:
            ordered = _newest_first(state.runs.values())
        latest: dict[tuple[str, str], RunRow] = {}
        for run in ordered:
            latest.setdefault((run.namespace, run.pipeline), run)
        return list(latest.values())

    async def tallies(self, run_ids: Collection[str]) -> Mapping[str, Tally]:
        """See ``stores.run_browsing``."""
        ends: dict[str, list[TaskEnd]] = {run_id: [] for run_id in run_ids}
        with self._state.held(closed=self._closed) as state:
            for task in state.tasks.values():
                if task.run_id in ends:
                    ends[task.run_id].append(TaskEnd(task.name, task.state, task.result, task.saved))
        return {run_id: tally(of_run) for run_id, of_run in ends.items()}

    async def executed_task(self, key: str, published_by: str) -> TaskRow | None:
        """See ``stores.run_browsing``."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            found = [
                task
                for task in state.tasks.values()
                if (task.key, task.result, task.published_by) == (key, "miss", published_by)
            ]
        return min(found, key=lambda task: (task.finished_at, task.run_id, task.name), default=None)

    async def find_entries(
        self, wanted: EntryFilter, *, order: Order = Order.NEWEST, limit: int | None = None
    ) -> Sequence[EntrySummary]:
        """See ``stores.entry_browsing``."""
        with self._state.held(closed=self._closed) as state:
            now = state.now()
            summaries = [_summary(key, stored, now) for key, stored in state.entries.items()]
        found = [entry for entry in summaries if _fits(entry, wanted)]
        return sorted(found, key=lambda entry: (_ORDERS[order](entry), -entry.id))[:limit]

    async def entry_details(self, key: str) -> EntryDetails | None:
        """See ``stores.entry_browsing``."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            stored = state.entries.get(key)
            return None if stored is None else _details(key, stored, state.now())

    async def entries_of_template(self, prefix: str, *, after: int = 0, limit: int = 100) -> Sequence[EntryDetails]:
        """See ``stores.entry_browsing``."""
        with self._state.held(closed=self._closed) as state:
            found = [
                _details(key, stored, state.now())
                for key, stored in state.entries.items()
                if stored.id > after and stored.record.template.startswith(prefix)
            ]
        return sorted(found, key=lambda entry: entry.summary.id)[:limit]


def _newest_first(runs: Collection[RunRow]) -> list[RunRow]:
    return sorted(runs, key=lambda run: (-run.created_at, run.run_id))


def _fits(entry: EntrySummary, wanted: EntryFilter) -> bool:
    return (
        entry.key.startswith(wanted.prefix)
        and (wanted.component is None or entry.component in (wanted.component, f"comp-{wanted.component}"))
        and wanted.pipeline in (None, entry.pipeline)
        and wanted.namespace in (None, entry.namespace)
        and (wanted.older_than is None or entry.age > wanted.older_than)
        and (wanted.larger_than is None or entry.size > wanted.larger_than)
    )


def _summary(key: str, stored: StoredEntry, now: int) -> EntrySummary:
    described = stored.record.description
    sizes = {artifact.digest: artifact.size for artifact in stored.record.artifacts}
    return EntrySummary(
        key=key,
        id=stored.id,
        max_staleness=stored.record.max_staleness,
        started_at=stored.started_at / 1000,
        age=(now - stored.started_at) / 1000,
        published_by=stored.published_by,
        namespace=described.namespace,
        pipeline=described.pipeline,
        component=described.component,
        task=described.task,
        run_id=described.run_id,
        duration=described.duration,
        hits=stored.hits,
        used_at=stored.used_at / 1000,
        size=sum(sizes.values()),
    )


def _details(key: str, stored: StoredEntry, now: int) -> EntryDetails:
    record = stored.record
    return EntryDetails(_summary(key, stored, now), record.template, record.output, record.description.parts)
