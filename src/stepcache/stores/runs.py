"""Runs and their tasks, as recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. Times are seconds since the epoch by the engine's clock; 0 where the moment has not come."""

    run_id: str
    pipeline: str
    state: str
    """As KFP names them: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELING, CANCELED."""
    holder: str
    """The engine that runs it, as ``cache.holder`` writes it."""
    created_at: float
    finished_at: float = 0.0
    namespace: str = ""
    source: str = ""
    """The file that was run, as the user named it."""
    parameters: str = "{}"
    outputs: str = "{}"
    error: str = ""


class TaskRow(NamedTuple):
    """One task of a run; ``(run_id, name)`` is unique."""

    run_id: str
    name: str
    """The full path, loop index included: ``train/for-loop-1[0]/fit``."""
    position: int
    """Order in which the tasks began to be considered, from 0."""
    state: str
    """As KFP names them: PENDING, RUNNING, SUCCEEDED, SKIPPED, FAILED, CANCELED, CACHED."""
    component: str = ""
    result: str = "none"
    """hit, shared, miss, off or none."""
    reason: str = ""
    key: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    log: str = ""
    """Where the log is, a path below the home."""
    error: str = ""
    outputs: str = "{}"
    published_by: str = ""
    """The ``published_by`` of the entry that the outputs are from, or became."""
    saved: float = 0.0
    """Seconds that the execution took whose outputs were reused."""
    parts: str = ""
    """Of a task that was executed with caching on: the parts of its key, as ``entry.Description`` has them."""
    evidence: str = ""
    """What the reason rests on, a JSON object (``pipelines.evidence``); empty for what was not executed."""
    members: int = 0
    """How many tasks were reused with it as one, when it is a DAG that was."""


def columns(fields: Iterable[str]) -> str:
    """The columns of a database's table of tasks that hold these fields of ``TaskRow``."""
    return ", ".join("cache_key" if name == "key" else name for name in fields)


TASK_COLUMNS: Final = columns(TaskRow._fields)
"""The columns of a database's table of tasks, in the order of ``TaskRow``."""


class RunStore(Protocol):
    """What every store promises about runs. Writing is idempotent: a row replaces the row of the same name."""

    async def save_run(self, run: RunRow) -> None:
        """Insert the run, or replace it whole."""

    async def save_tasks(self, tasks: Sequence[TaskRow]) -> None:
        """Insert or replace these tasks, all or none."""

    async def finish_run(  # noqa: PLR0913 - each is a column
        self,
        run_id: str,
        *,
        unless: Collection[str],
        state: str,
        finished_at: float,
        error: str,
        outputs: str = "{}",
    ) -> bool:
        """End a run, and its tasks that are PENDING or RUNNING, unless its state is one of ``unless``. True if
        this call did; False, and nothing changed, if it had ended before or is not there.
        """

    async def run(self, run_id: str) -> RunRow | None:
        """One run."""

    async def runs(self, *, state: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Runs, newest first; of those made at one moment, by ``run_id``."""

    async def tasks(self, run_id: str) -> Sequence[TaskRow]:
        """The tasks of a run in the order of ``position``."""
