"""What the cache has come to, in the one form that programs read (``stepcache stats --json``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from stepcache.cache.reason import Reason
from stepcache.light_dataclasses import dataclass
from stepcache.stores.counts import EntryCount, TaskCount, Unreused
from stepcache.stores.opening import FullStore

_DAY = 86400.0
_FIRST_MONDAY = 4 * _DAY
_MOST_UNREUSED = 10


class Interval(StrEnum):
    """By what time is divided, in UTC; weeks begin on Mondays."""

    DAY = "day"
    WEEK = "week"

    @property
    def width(self) -> float:
        """In seconds."""
        return _DAY if self is Interval.DAY else 7 * _DAY

    @property
    def origin(self) -> float:
        """When one of them began, in seconds since the epoch."""
        return 0.0 if self is Interval.DAY else _FIRST_MONDAY


@dataclass(slots=True)
class Tally:
    """Tasks, counted together."""

    hits: int = 0
    shared: int = 0
    misses: int = 0
    off: int = 0
    seconds_executed: float = 0.0
    seconds_saved: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)
    """Misses by reason."""

    @property
    def tasks(self) -> int:
        """All of them."""
        return self.hits + self.shared + self.misses + self.off

    @property
    def reused(self) -> int:
        """Those that were not executed."""
        return self.hits + self.shared

    @property
    def executed(self) -> int:
        """The others."""
        return self.misses + self.off

    def add(self, count: TaskCount) -> None:
        """Count these as well."""
        if count.result == "hit":
            self.hits += count.tasks
        elif count.result == "shared":
            self.shared += count.tasks
        elif count.result == "off":
            self.off += count.tasks
        else:
            self.misses += count.tasks
            self.reasons[count.reason] = self.reasons.get(count.reason, 0) + count.tasks
        self.seconds_executed += count.seconds
        self.seconds_saved += count.saved

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/stats.md."""
        return {
            "hits": self.hits,
            "shared": self.shared,
            "misses": self.misses,
            "caching_off": self.off,
            "seconds_executed": round(self.seconds_executed, 3),
            "seconds_saved": round(self.seconds_saved, 3),
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that ``stepcache stats`` tells."""

    since: float
    """In seconds since the epoch; 0 for all time."""
    pipeline: str | None
    interval: Interval
    entries: EntryCount
    duplicates: int
    """Surplus rows of keys that have more than one; none but in a table that another program filled."""
    counts: Sequence[TaskCount]
    never_reused: Sequence[Unreused]

    @property
    def total(self) -> Tally:
        """All tasks."""
        return _tally(self.counts)

    @property
    def pipelines(self) -> dict[str, Tally]:
        """By pipeline, those with the most tasks first."""
        found = _grouped(self.counts, lambda count: count.pipeline)
        return dict(sorted(found.items(), key=lambda item: (-item[1].tasks, item[0])))

    @property
    def over_time(self) -> dict[str, Tally]:
        """By the date on which an interval began; none of those without tasks."""
        return dict(sorted(_grouped(self.counts, lambda count: _date(count.began)).items()))

    @property
    def misses_by_reason(self) -> dict[str, int]:
        """How many tasks were executed for each reason, also for those of which there are none."""
        total = self.total
        counts = {str(reason): total.reasons.get(reason, 0) for reason in Reason}
        return counts | {str(Reason.CACHING_OFF): total.off}

    def to_document(self) -> dict[str, Any]:
        """The document that ``stats --json`` prints; see docs/stats.md."""
        entries = self.entries
        return {
            "since": None if not self.since else datetime.fromtimestamp(self.since, UTC).isoformat(),
            "pipeline": self.pipeline,
            "entries": {
                "entries": entries.entries,
                "keys": entries.keys,
                "duplicates": self.duplicates,
                "nested_pipelines": entries.nested,
                "hits": entries.hits,
            },
            "tasks": self.total.to_document(),
            "executed_by_reason": self.misses_by_reason,
            "bytes": {
                "artifacts": entries.artifacts,
                "kept": entries.kept,
                "saved_by_sharing": entries.named - entries.kept,
            },
            "by_pipeline": [{"pipeline": name, **tally.to_document()} for name, tally in self.pipelines.items()],
            f"by_{self.interval}": [{"began": day, **tally.to_document()} for day, tally in self.over_time.items()],
            "never_reused": [
                {
                    "pipeline": one.pipeline,
                    "component": one.component,
                    "executions": one.executions,
                    "seconds": round(one.seconds, 3),
                }
                for one in self.never_reused
            ],
        }


async def gather(store: FullStore, *, since: float, pipeline: str | None, interval: Interval) -> Statistics:
    """Have the store count. Raises StoreUnavailableError."""
    return Statistics(
        since=since,
        pipeline=pipeline,
        interval=interval,
        entries=await store.count_entries(since=since, pipeline=pipeline),
        duplicates=sum(count - 1 for _, count in await store.duplicates()),
        counts=await store.count_tasks(
            since=since, pipeline=pipeline, origin=interval.origin, width=interval.width
        ),
        never_reused=await store.never_reused(since=since, pipeline=pipeline, limit=_MOST_UNREUSED),
    )


def _tally(counts: Iterable[TaskCount]) -> Tally:
    found = Tally()
    for count in counts:
        found.add(count)
    return found


def _grouped(counts: Iterable[TaskCount], name: Callable[[TaskCount], str]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for count in counts:
        found.setdefault(name(count), Tally()).add(count)
    return found


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
