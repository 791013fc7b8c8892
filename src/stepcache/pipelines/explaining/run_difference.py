"""How two runs differ."""

from __future__ import annotations

from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.outputs_difference import OutputDifference
from stepcache.pipelines.explaining.task_explanation import only_causes
from stepcache.pipelines.provenance import Origin
from stepcache.stores.runs import RunRow, TaskRow

_EXECUTED = ("miss", "off")
_NOTABLE_SECONDS = 1.0
_NOTABLE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """A task that both runs have."""

    old: TaskRow
    new: TaskRow
    differences: tuple[Difference, ...] = ()
    """Of the parts of the keys."""
    outputs: tuple[OutputDifference, ...] = ()

    @property
    def is_nondeterministic(self) -> bool:
        """Whether the same execution left other outputs."""
        return bool(self.outputs) and bool(self.new.key) and self.old.key == self.new.key

    @property
    def causes(self) -> tuple[Origin, ...]:
        """The outputs of other tasks that are all that changed of its parts."""
        return only_causes(self.differences)

    @property
    def seconds(self) -> tuple[float, float]:
        """How long the two took."""
        return _seconds(self.old), _seconds(self.new)

    @property
    def aspects(self) -> tuple[str, ...]:
        """In what they differ: parts, outputs, result, state and duration, as far as they do."""
        old, new = self.old, self.new
        found = {
            "parts": bool(self.differences),
            "outputs": bool(self.outputs),
            "result": old.result != new.result and not (old.members or new.members),  # of a DAG, its tasks tell
            "state": old.state != new.state,
            "duration": self._is_notable(),
        }
        return tuple(name for name, differs in found.items() if differs)

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/explain.md."""
        old, new = self.seconds
        return {
            "name": self.new.name,
            "differs_in": list(self.aspects),
            "differences": [difference.to_document() for difference in self.differences],
            "because_of": [{"task": origin.task, "output": origin.name} for origin in self.causes],
            "outputs": [output.to_document() for output in self.outputs],
            "nondeterministic": self.is_nondeterministic,
            "result": {"old": self.old.result, "new": self.new.result},
            "state": {"old": self.old.state, "new": self.new.state},
            "duration_seconds": {"old": round(old, 6), "new": round(new, 6)},
        }

    def _is_notable(self) -> bool:
        """Whether both were executed, one by a second and a fifth longer than the other."""
        if self.old.result not in _EXECUTED or self.new.result not in _EXECUTED:
            return False
        shorter, longer = sorted(self.seconds)
        return longer - shorter >= max(_NOTABLE_SECONDS, _NOTABLE_SHARE * shorter)


@dataclass(frozen=True, slots=True)
class RunDifference:
    """What is different in the run ``new``."""

    old: RunRow
    new: RunRow
    parameters: tuple[Difference, ...]
    only_in_old: tuple[str, ...]
    """Tasks."""
    only_in_new: tuple[str, ...]
    tasks: tuple[TaskDifference, ...]
    """Those that both have and that differ, in the order in which people read them."""
    same: int
    """How many others both have."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.parameters or self.only_in_old or self.only_in_new or self.tasks)

    def to_document(self) -> dict[str, Any]:
        """The document that ``diff --json`` prints; see docs/explain.md."""
        return {
            "old": _run(self.old),
            "new": _run(self.new),
            "parameters": [difference.to_document() for difference in self.parameters],
            "only_in_old": list(self.only_in_old),
            "only_in_new": list(self.only_in_new),
            "tasks": [task.to_document() for task in self.tasks],
            "same": self.same,
        }


def _run(run: RunRow) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "state": run.state,
        "created_at": run.created_at,
        "duration_seconds": round(max(0.0, run.finished_at - run.created_at), 6) if run.finished_at else None,
    }


def _seconds(task: TaskRow) -> float:
    there = task.started_at and task.finished_at and task.result in _EXECUTED
    return max(0.0, task.finished_at - task.started_at) if there else 0.0
