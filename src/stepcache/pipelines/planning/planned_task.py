"""One task of a plan: what a run would do with it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from stepcache.cache.reason import Reason
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.task_record import State

Causes = frozenset[str]
"""What has to be known first: full paths of tasks, or words for something else. None means that all is known."""

CERTAIN: Causes = frozenset()


class Outlook(StrEnum):
    """What the cache would do for a task: the results of a run, as far as they can be told before it."""

    HIT = "hit"
    """It would be reused."""
    MISS = "miss"
    """It would be executed."""
    OFF = "off"
    """It would be executed, with caching off."""
    SKIPPED = "skipped"
    """It would not be started."""
    UNKNOWN = "unknown"
    """That depends on what is not known yet: see ``Until``."""
    NONE = "none"
    """It does not come to the cache: a DAG or a loop, or a task that would fail before."""


class Until(StrEnum):
    """What an unknown task waits for: its reason."""

    INPUTS = "inputs"
    """Its inputs."""
    CONDITION = "condition"
    """Whether it is executed at all."""
    PACKAGES = "packages"
    """Which packages its requirements come to."""
    IMAGE = "image"
    """What its image is, which would be pulled."""
    EXECUTING = "executing"
    """The end of an execution of the same, which is going on now."""
    SAME_KEY = "same_key"
    """The end of another task of this run, which would be executed and is the same."""


@dataclass(slots=True)
class PlannedTask:
    """A task that would be executed is taken to succeed."""

    name: str
    """The full path, loop index included."""
    position: int
    component: str
    outlook: Outlook = Outlook.NONE
    reason: str = ""
    """Of a miss, a ``Reason``; of an unknown task, an ``Until``."""
    key: str = ""
    """Empty where there is none, or where it differs from run to run."""
    waits_for: tuple[str, ...] = ()
    note: str = ""
    """A sentence for people: why it would be skipped or fail, or who executes it."""
    seconds: float | None = None
    """How long the execution took whose result is, or is not, reused; None when that is not known."""
    tasks: int = 0
    """How many tasks would be reused with it as one, when it is a DAG that is."""
    state: State = State.SUCCEEDED
    """How it is taken to end; of one that is unknown, if it is started."""
    decided_by: Causes = CERTAIN
    """What has to be known before it can be told whether it is started at all."""

    @property
    def error(self) -> str:
        """Why it would fail, or be skipped."""
        return self.note if self.state is not State.SUCCEEDED else ""

    @property
    def is_executed(self) -> bool:
        """Whether it would be, or may be, executed."""
        return self.outlook in (Outlook.MISS, Outlook.OFF, Outlook.UNKNOWN)

    def skip(self, note: str) -> None:
        """It would not be started."""
        self.outlook, self.state, self.note = Outlook.SKIPPED, State.SKIPPED, note

    def fail(self, note: str) -> None:
        """It would fail without coming to the cache."""
        self.outlook, self.state, self.note = Outlook.NONE, State.FAILED, note

    def wait(self, until: Until, causes: Iterable[str] = ()) -> None:
        """Nothing can be told before ``causes`` are known."""
        self.outlook, self.reason, self.waits_for = Outlook.UNKNOWN, until, tuple(sorted(causes))

    def execute(self, outlook: Outlook, reason: Reason) -> None:
        """It would be executed."""
        self.outlook, self.reason = outlook, reason

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/plan.md."""
        return {
            "name": self.name,
            "result": str(self.outlook),
            "reason": str(self.reason) or None,
            "key": self.key or None,
            "waits_for": list(self.waits_for),
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "note": self.note or None,
        } | ({"tasks": self.tasks} if self.tasks else {})
