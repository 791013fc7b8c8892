"""What is counted of tasks, entries and components."""

from __future__ import annotations

from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskCount:
    """Tasks of one pipeline and one interval of time that had the same result for the same reason."""

    pipeline: str
    began: float
    """When the interval began, in seconds since the epoch. A run belongs to the one in which it was made."""
    result: str
    """hit, shared, miss or off."""
    reason: str
    tasks: int
    """A DAG that was reused as a whole counts by the tasks in it, and not itself."""
    seconds: float
    """What executing them took, together."""
    saved: float
    """What the executions took whose results were reused, together."""


@dataclass(frozen=True, slots=True)
class EntryCount:
    """Entries, and the artifacts that they need."""

    entries: int = 0
    keys: int = 0
    """Different keys among them."""
    nested: int = 0
    """Of the entries, those that stand for a nested pipeline as a whole."""
    hits: int = 0
    """How often they were reused since the first result of their keys, by the Python API too."""
    artifacts: int = 0
    """Different contents that the other entries need."""
    kept: int = 0
    """Bytes of these contents."""
    named: int = 0
    """Bytes that they would be if every entry had a copy of its own."""


@dataclass(frozen=True, slots=True)
class Unreused:
    """A component of one pipeline that was executed, and none of whose results was ever reused."""

    pipeline: str
    component: str
    executions: int
    seconds: float
    """What they took together."""
