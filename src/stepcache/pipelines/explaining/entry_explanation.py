"""What there is to say about the entry of a key."""

from __future__ import annotations

from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.outputs_difference import OutputDifference
from stepcache.pipelines.explaining.task_explanation import execution_document
from stepcache.stores.entry import Description, Entry
from stepcache.stores.execution import Execution


@dataclass(frozen=True, slots=True)
class EntryExplanation:
    """Who made the entry, and how that execution differs from the nearest one before it."""

    entry: Entry
    description: Description
    made_by: Execution | None
    """None where no run has recorded it: another program, the Python API, or a nested pipeline as a whole."""
    executions: int
    """How many executions of the key are recorded."""
    differences: tuple[Difference, ...] = ()
    compared_with: Execution | None = None
    unstable: tuple[OutputDifference, ...] = ()
    """Outputs in which it differs from an earlier execution of the same key."""
    twin: Execution | None = None
    """That execution."""

    def to_document(self) -> dict[str, Any]:
        """The document that ``explain --entry --json`` prints; see docs/explain.md."""
        description = self.description
        return {
            "key": self.entry.key,
            "namespace": description.namespace or None,
            "pipeline": description.pipeline or None,
            "component": description.component or None,
            "task": description.task or None,
            "run_id": description.run_id or None,
            "age_seconds": round(self.entry.age, 3),
            "duration_seconds": round(self.entry.duration, 6),
            "executions": self.executions,
            "made_by": execution_document(self.made_by),
            "differences": [difference.to_document() for difference in self.differences],
            "compared_with": execution_document(self.compared_with),
            "nondeterministic": [output.to_document() for output in self.unstable],
            "same_key_as": execution_document(self.twin),
        }
