"""What a run would do, in the one form that programs read (``stepcache plan --json``)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.planning.planned_task import Outlook, PlannedTask


@dataclass(frozen=True, slots=True)
class Summary:
    """How many tasks would be reused, executed and so on; DAGs that are reused as a whole count by their tasks."""

    reused: int
    to_execute: int
    unknown: int
    skipped: int
    seconds_saved: float
    """What the reused results took when they were made."""
    seconds_to_execute: float
    """What those took the last time that would be executed again; 0 for what is not known."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every task that can be told, in the order in which people read them."""

    pipeline: str
    tasks: tuple[PlannedTask, ...]

    @property
    def summary(self) -> Summary:
        """The plan in numbers."""
        steps = [task for task in self.tasks if not task.tasks]
        counts = Counter(task.outlook for task in steps)
        executed = (Outlook.MISS, Outlook.OFF)
        return Summary(
            reused=counts[Outlook.HIT],
            to_execute=sum(counts[outlook] for outlook in executed),
            unknown=counts[Outlook.UNKNOWN],
            skipped=counts[Outlook.SKIPPED],
            seconds_saved=sum(task.seconds or 0.0 for task in steps if task.outlook is Outlook.HIT),
            seconds_to_execute=sum(task.seconds or 0.0 for task in steps if task.outlook in executed),
        )

    def to_document(self) -> dict[str, Any]:
        """The document that ``plan --json`` prints; see docs/plan.md."""
        summary = self.summary
        return {
            "pipeline": self.pipeline,
            "tasks": [task.to_document() for task in self.tasks],
            "summary": {
                "reused": summary.reused,
                "to_execute": summary.to_execute,
                "unknown": summary.unknown,
                "skipped": summary.skipped,
                "seconds_saved": round(summary.seconds_saved, 3),
                "seconds_to_execute": round(summary.seconds_to_execute, 3),
            },
        }
