"""One task of a run as it stands now: what listeners show and the store keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum

from stepcache.artifacts.artifact import Artifact
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.values import Values
from stepcache.stores.runs import TaskRow


class State(StrEnum):
    """Of a run or a task, as KFP names them (``RuntimeState`` in ``backend/api/v2beta1/run.proto``)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class CacheResult(StrEnum):
    """What the cache did for a task."""

    HIT = "hit"
    """Reused."""
    SHARED = "shared"
    """Waited for someone else's execution and took its outputs."""
    MISS = "miss"
    """Executed."""
    OFF = "off"
    """Executed, with caching off."""
    NONE = "none"
    """Never reached the cache: skipped, a DAG, or a task before it failed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a task's outputs are from, for a DAG around the task to rest on."""

    entries: Mapping[str, str]
    """The ``published_by`` of the entry, by key; of several, for a DAG that was reused as a whole."""
    born: float
    """When the oldest of these results was of age 0, by this process's monotonic clock."""
    artifacts: tuple[Artifact, ...]
    """What these entries need."""


@dataclass(slots=True)
class TaskRecord:
    """A task of a run. Times are seconds since the epoch; 0 where the moment has not come."""

    name: str
    """The full path, loop index included."""
    position: int
    component: str
    state: State = State.PENDING
    result: CacheResult = CacheResult.NONE
    reason: str = ""
    key: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    log: str = ""
    """Where the log is, relative to the home."""
    error: str = ""
    waiting_for: str = ""
    """Who runs it, while this task waits for someone else's execution."""
    outputs: Values | None = None
    published_by: str = ""
    """Who published the entry that its outputs are from, or became."""
    saved: float = 0.0
    """Seconds that the execution took whose outputs were reused."""
    parts: str = ""
    """The parts of its key, if it was executed with caching on; a JSON object."""
    evidence: str = ""
    """What the reason rests on: the text of an ``Evidence``."""
    tasks: int = 0
    """How many tasks were reused with it as one, when it is a DAG that was."""
    standing: Standing | None = None
    """None when a DAG around it cannot rest on what its outputs are from."""
    kept_outputs: str = ""
    """In the place of ``outputs``, the JSON text that ``row`` writes, when it was reused with a DAG around it."""

    @property
    def duration(self) -> float:
        """Seconds from start to end; 0 for a task that did not do both."""
        return max(0.0, self.finished_at - self.started_at) if self.started_at and self.finished_at else 0.0

    def row(self, run_id: str) -> TaskRow:
        """The record as the store keeps it."""
        return TaskRow(  # by position: a third of the time, once for each task
            run_id,
            self.name,
            self.position,
            str(self.state),  # sqlite3 takes a microsecond and a half to find out that an enumeration's is a text
            self.component,
            str(self.result),
            self.reason,
            self.key,
            self.started_at,
            self.finished_at,
            self.log,
            self.error,
            self.kept_outputs or ("{}" if self.outputs is None else outputs_text(self.outputs)),
            self.published_by,
            self.saved,
            self.parts,
            self.evidence,
            self.tasks,
        )


def outputs_text(outputs: Values) -> str:
    """Outputs as rows keep them."""
    return json.dumps(outputs.to_document())
