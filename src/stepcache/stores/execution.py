"""An execution, as it was recorded."""

from __future__ import annotations

from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a component with caching on, as its run recorded it; finished or not, failed or not."""

    run_id: str
    pipeline: str
    task: str
    """The full path of the task."""
    component: str
    state: str
    key: str
    started_at: float
    finished_at: float
    outputs: str
    published_by: str
    parts: str
    """The parts of the key, a JSON object; empty where an older release recorded none."""
