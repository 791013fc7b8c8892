"""What there is to say about one task of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.outputs_difference import OutputDifference
from stepcache.pipelines.explaining.reason_words import Words
from stepcache.pipelines.provenance import Origin
from stepcache.stores.execution import Execution
from stepcache.stores.runs import TaskRow


@dataclass(frozen=True, slots=True)
class TaskExplanation:
    """Why the task was executed, or what it was reused from."""

    task: TaskRow
    words: Words
    differences: tuple[Difference, ...] = ()
    compared_with: Execution | None = None
    """The nearest earlier execution, from which the differences are."""
    unstable: tuple[OutputDifference, ...] = ()
    """Outputs in which it differs from an earlier execution of the same key."""
    twin: Execution | None = None
    """That execution."""
    executed_by: Execution | None = None
    """The execution whose outputs were reused."""

    @property
    def causes(self) -> tuple[Origin, ...]:
        """The outputs of other tasks that are all that changed; none when anything else did."""
        return only_causes(self.differences)

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/explain.md."""
        task = self.task
        document: dict[str, Any] = {
            "name": task.name,
            "component": task.component,
            "state": task.state,
            "result": task.result,
            "reason": task.reason or None,
            "key": task.key or None,
            "sentence": self.words.sentence,
            "remedy": self.words.remedy or None,
            "differences": [difference.to_document() for difference in self.differences],
            "because_of": [{"task": origin.task, "output": origin.name} for origin in self.causes],
            "compared_with": execution_document(self.compared_with),
            "nondeterministic": [output.to_document() for output in self.unstable],
            "seconds_saved": round(task.saved, 6),
        }
        if self.executed_by is not None:
            document["executed_by"] = execution_document(self.executed_by)
        if self.twin is not None:
            document["same_key_as"] = execution_document(self.twin)
        return document


def only_causes(differences: Sequence[Difference]) -> tuple[Origin, ...]:
    """The outputs of other tasks that all of ``differences`` come from; none when one comes from elsewhere."""
    origins = [difference.origin for difference in differences]
    known = [origin for origin in origins if origin is not None and origin.task]
    return tuple(dict.fromkeys(known)) if len(known) == len(origins) else ()


def execution_document(execution: Execution | None) -> dict[str, Any] | None:
    """An execution in the form that programs read."""
    if execution is None:
        return None
    return {
        "run_id": execution.run_id,
        "pipeline": execution.pipeline,
        "task": execution.task,
        "state": execution.state,
        "key": execution.key,
        "started_at": execution.started_at,
    }
