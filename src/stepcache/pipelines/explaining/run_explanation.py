"""What there is to say about a run: its tasks, and which were executed only because of others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.task_explanation import TaskExplanation
from stepcache.stores.runs import RunRow

EXECUTED = ("miss", "off")
REUSED = ("hit", "shared")
_BORDER = re.compile(r"[/\[]")


@dataclass(frozen=True)
class RunExplanation:
    """Every task that came to the cache, in the order in which people read them."""

    run: RunRow
    tasks: tuple[TaskExplanation, ...]

    @cached_property
    def executed(self) -> tuple[TaskExplanation, ...]:
        """Those that were executed."""
        return tuple(one for one in self.tasks if one.task.result in EXECUTED)

    @cached_property
    def reused(self) -> tuple[TaskExplanation, ...]:
        """Those that were not; a DAG that was reused as a whole by the tasks in it."""
        return tuple(one for one in self.tasks if one.task.result in REUSED and not one.task.members)

    @cached_property
    def followers(self) -> Mapping[str, Sequence[TaskExplanation]]:
        """Tasks that were executed only because outputs of others changed, by the first of these."""
        makers = _makers([one.task.name for one in self.executed])
        found: dict[str, list[TaskExplanation]] = {}
        for one in self.executed:
            causes = [makers[origin.task] for origin in one.causes if origin.task in makers]
            if causes and one.task.name not in causes:
                found.setdefault(causes[0], []).append(one)
        return found

    @cached_property
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


def _makers(executed: Sequence[str]) -> dict[str, str]:
    """By the path of a task or of a DAG or loop around it, the first executed task there."""
    found: dict[str, str] = {}
    for name in executed:
        found[name] = name
        for end in (match.start() for match in _BORDER.finditer(name)):
            found.setdefault(name[:end], name)
    return found
