"""What one run works with: its cache, its processes, its places, and who watches."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from stepcache.artifacts.scratch import Scratch, remove
from stepcache.executors.environments.environment import Environment
from stepcache.executors.environments.environments import Environments
from stepcache.executors.supervisor import Supervisor
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.circumstances import Circumstances
from stepcache.pipelines.leftovers import Leftovers
from stepcache.pipelines.listener import Listener
from stepcache.pipelines.recorder import Recorder
from stepcache.pipelines.task_record import State, TaskRecord

if TYPE_CHECKING:
    from stepcache.executors.containers.runtime import ContainerRuntime


@dataclass
class Session(Circumstances):
    """Shared by every task of a run, and by nothing else."""

    environments: Environments
    home: Path
    temporary: Scratch
    supervisor: Supervisor
    images: ContainerRuntime | None
    recorder: Recorder
    listener: Listener
    slots: asyncio.Semaphore
    """One for each step that may run at the same time."""
    environment: Mapping[str, str]
    """The engine's own environment, of which steps see an allow list."""
    grace: float
    """Seconds between TERM and KILL for a step that is stopped."""
    mask: Callable[[str], str]
    """Hides values of environment variables in what is stored."""
    wait_timeout: float | None
    """How many seconds a task waits for somebody else's execution; None for as long as it takes."""
    records: list[TaskRecord] = field(default_factory=list)
    leftovers: Leftovers = field(default_factory=Leftovers)
    _worker_pythons: dict[str, Path] = field(default_factory=dict)
    _making_overlays: Lock = field(default_factory=Lock)

    @property
    def container_runtime(self) -> ContainerRuntime:
        """What runs steps in their images, for a step that has one."""
        if self.images is None:
            raise RuntimeError("the steps of this run are processes of this machine")
        return self.images

    def worker_python(self, environment: Environment) -> Path:
        """The Python that the worker of an environment runs on: one overlay of it for the whole run. Any thread."""
        with self._making_overlays:
            python = self._worker_pythons.get(environment.lock.digest)
            if python is None:
                python = environment.overlay(self.temporary.new() / "worker").python
                self._worker_pythons[environment.lock.digest] = python
            return python

    def remove_workers(self) -> None:
        """Remove the overlays of the workers, which have ended."""
        for python in self._worker_pythons.values():
            remove(python.parents[2])

    @cached_property
    def log_directory(self) -> Path:
        """Where the logs of this run's steps are."""
        directory = self.home / "runs" / self.context.run_id
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def open_log(self, record: TaskRecord) -> Path:
        """Where the log of a task's next execution is; noted in the record. A retry goes on in the same log."""
        log = self.log_directory / _log_name(record)
        record.log = str(log.relative_to(self.home))
        self.changed(record)
        return log

    def add(self, name: str, component: str) -> TaskRecord:
        """A new record for the task of this name."""
        record = TaskRecord(name, position=len(self.records), component=component)
        self.records.append(record)
        self.changed(record)
        return record

    def add_reused(self, records: list[TaskRecord]) -> None:
        """Records of tasks that were reused with the DAG around them: written, and told with that one."""
        self.records += records
        self.recorder.all_changed(records)

    def changed(self, record: TaskRecord) -> None:
        """Tell whoever watches, and have the record written."""
        self.recorder.changed(record)
        self.listener.task_changed(record)

    def cancel_unfinished(self) -> None:
        """Mark what had not ended when the run was stopped."""
        for record in self.records:
            if record.state in (State.PENDING, State.RUNNING):
                record.state = State.CANCELED
                self.changed(record)


def _log_name(record: TaskRecord) -> str:
    """A name for people, made safe, behind a number that makes it unique in its run."""
    readable = re.sub(r"[^-\w]+", "_", record.name)[:120]
    return f"{record.position:04d}-{readable}.log"
