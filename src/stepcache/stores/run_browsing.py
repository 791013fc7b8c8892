"""Looking back at runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stepcache.light_dataclasses import dataclass
from stepcache.stores.runs import RunRow, TaskRow

_INDEX = re.compile(r"\[[0-9]+\]$")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many steps of a run ended how; nested pipelines, loops and their iterations are no steps."""

    executed: int = 0
    """To their end, with caching off or on."""
    reused: int = 0
    shared: int = 0
    failed: int = 0
    saved: float = 0.0
    """Seconds that the executions took whose outputs were reused."""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """As much of a task as a tally needs."""

    name: str
    state: str
    result: str
    saved: float


class RunBrowsing(Protocol):
    """What every store promises to those who look back at runs. May raise what methods of ``Store`` may."""

    async def find_runs(
        self, *, prefix: str = "", pipeline: str | None = None, state: str | None = None, limit: int = 100
    ) -> Sequence[RunRow]:
        """Runs whose ID begins with ``prefix``, upper and lower case apart, newest first; of those made at one
        moment, by ``run_id``.
        """

    async def latest_runs(self) -> Sequence[RunRow]:
        """The newest run of each pipeline in each namespace, newest first."""

    async def tallies(self, run_ids: Collection[str]) -> Mapping[str, Tally]:
        """The tally of each of these runs; one of nothing for a run that has no tasks, or is not there."""

    async def executed_task(self, key: str, published_by: str) -> TaskRow | None:
        """The task that was executed for ``key`` and whose outputs ``published_by`` published; None if no record of
        it is there: another program published, or the record was removed.
        """


def tally(ends: Iterable[TaskEnd]) -> Tally:
    """Count the tasks of one run. A nested pipeline that was reused as a whole counts by the tasks in it."""
    listed = [end for end in ends if end.result != "none" or end.state == "FAILED"]
    dags = {path for end in listed for path in around(end.name)}
    steps = [end for end in listed if end.name not in dags]
    ended = [end.result for end in steps if end.state == "SUCCEEDED"]
    return Tally(
        executed=sum(result in ("miss", "off") for result in ended),
        reused=ended.count("hit"),
        shared=ended.count("shared"),
        failed=sum(end.state == "FAILED" for end in steps),
        saved=sum(end.saved for end in listed),
    )


def around(name: str) -> Iterator[str]:
    """The paths of the nested pipelines, loops and iterations that a task is inside of, the innermost first."""
    while True:
        loop = _INDEX.sub("", name)
        name = name.rpartition("/")[0] if loop == name else loop
        if not name:
            return
        yield name
