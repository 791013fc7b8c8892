"""What there is to say about a run: its tasks, and which were executed only because of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepcache.pipelines.explaining.task_explanation import TaskExplanation
from stepcache.stores.runs import RunRow

EXECUTED = ("miss", "off")
REUSED = ("hit", "shared")


@dataclass(frozen=True, slots=True)
class RunExplanation:
    """Every task that came to the cache, in the order in which people read them."""

    run: RunRow
    tasks: tuple[TaskExplanation, ...]

    @property
    def executed(self) -> tuple[TaskExplanation, ...]:
        """Those that were executed."""
        return tuple(one for one in self.tasks if one.task.result in EXECUTED)

    @property
    def reused(self) -> tuple[TaskExplanation, ...]:
        """Those that were not; a DAG that was reused as a whole by the tasks in it."""
        return tuple(one for one in self.tasks if one.task.result in REUSED and not one.task.members)

    @property
    def followers(self) -> Mapping[str, tuple[TaskExplanation, ...]]:
        """Tasks that were executed only because outputs of others changed, by the first of these."""
        executed = [one.task.name for one in self.executed]
        found: dict[str, tuple[TaskExplanation, ...]] = {}
        for one in self.executed:
            causes = [cause for cause in (_cause(origin.task, executed) for origin in one.causes) if cause]
            if causes and one.task.name not in causes:
                found[causes[0]] = (*found.get(causes[0], ()), one)
        return found

    @property
    def roots(self) -> tuple[TaskExplanation, ...]:
        """Tasks that were executed for a reason of their own."""
        following = {one.task.name for ones in self.followers.values() for one in ones}
        return tuple(one for one in self.executed if one.task.name not in following)

    def to_document(self) -> dict[str, Any]:
        """The document that ``explain --json`` prints; see docs/explain.md."""
        following = sum(len(ones) for ones in self.followers.values())
        return {
            "run_id": self.run.run_id,
            "pipeline": self.run.pipeline,
            "state": self.run.state,
            "tasks": [one.to_document() for one in self.tasks],
            "summary": {
                "executed": len(self.executed),
                "of_their_own": len(self.executed) - following,
                "because_of_others": following,
                "reused": len(self.reused),
                "nondeterministic": sum(bool(one.unstable) for one in self.tasks),
            },
        }


def _cause(task: str, executed: list[str]) -> str:
    """The executed task that made an output of ``task``: itself, or the first one inside of it."""
    inside = (f"{task}/", f"{task}[")
    return next((name for name in executed if name == task or name.startswith(inside)), "")
