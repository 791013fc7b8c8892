"""Who watches a run while it goes on: a terminal, a service."""

from __future__ import annotations

from typing import Protocol

from stepcache.pipelines.task_record import TaskRecord


class Listener(Protocol):
    """Called on the event loop, so it returns at once. It never changes what it is shown."""

    def run_started(self, run_id: str, pipeline: str) -> None:
        """The run is recorded; its tasks follow."""

    def task_changed(self, task: TaskRecord) -> None:
        """A task was added, or its state or what it waits for changed."""

    def note(self, message: str) -> None:
        """Something that takes its time is going on."""

    def warn(self, message: str) -> None:
        """Something the user should know, said once, that does not end the run."""


class Silence:
    """A listener that listens to nothing."""

    def run_started(self, run_id: str, pipeline: str) -> None:
        """Do nothing."""

    def task_changed(self, task: TaskRecord) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""

    def warn(self, message: str) -> None:
        """Do nothing."""
