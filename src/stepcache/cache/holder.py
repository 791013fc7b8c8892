"""Who holds a claim, as it names itself to those who wait.

The text is JSON. It is compared as a whole by ``Store.claim(dead_holder=...)``, so one holder formats to one text.
"""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from functools import cache
from typing import Any, Self

from stepcache import processes
from stepcache.container_engine import Reference
from stepcache.light_dataclasses import dataclass
from stepcache.processes import Host, Process

VERSION = 1


@dataclass(frozen=True, slots=True)
class StepProcess:
    """What executes a step."""

    supervisor: Process | None
    """The process that ends the step by itself when the holder dies; None if there is none."""
    process: Process
    """The step's first process."""
    group: int
    """The process group that the first process leads."""
    reaper: Process | None = None
    """A process that ends only after every process of the step; None if there is none."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a claim. Parts that are unknown are None or empty."""

    host_name: str = ""
    host: Host | None = None
    process: Process | None = None
    supervisor: Process | None = None
    step: Process | None = None
    group: int | None = None
    reaper: Process | None = None
    label: str = ""
    containers: Reference | None = None
    """The container engine that may run containers of the process. They are found there by the process's label."""

    @classmethod
    def this_process(cls, label: str = "") -> Holder:
        """The calling process."""
        return cls(_host_name(), processes.this_host(), processes.this_process(), label=label)

    @classmethod
    def parse(cls, text: str) -> Holder:
        """Read a holder's text. Never raises: what another program or version wrote names nobody."""
        try:
            document = json.loads(text)
            if document.get("version") != VERSION:
                return cls()
            step = document.get("step")
            host = document.get("boot_id")
            return cls(
                host_name=str(document["host"]),
                host=None if host is None else Host(str(host), int(document["pid_namespace"])),
                process=_process(document["process"]),
                supervisor=_process(document.get("supervisor")),
                step=_process(step),
                group=None if step is None else int(document["group"]),
                reaper=_process(document.get("reaper")),
                label=str(document.get("label", "")),
                containers=_reference(document.get("containers")),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def format(self) -> str:
        """The text."""
        document: dict[str, Any] = {"version": VERSION, "host": self.host_name}
        if self.host is not None:
            document.update(boot_id=self.host.boot_id, pid_namespace=self.host.pid_namespace)
        document["process"] = _pair(self.process)
        if self.supervisor is not None:
            document["supervisor"] = _pair(self.supervisor)
        if self.step is not None:
            document.update(step=_pair(self.step), group=self.group)
        if self.reaper is not None:
            document["reaper"] = _pair(self.reaper)
        if self.label:
            document["label"] = self.label
        if self.containers is not None:
            document["containers"] = [self.containers.program, self.containers.identity]
        return json.dumps(document, separators=(",", ":"))

    def for_caller(self, label: str, supervisor: Process | None, containers: Reference | None = None) -> Holder:
        """This holder on behalf of one caller."""
        return replace(
            self,
            label=label or self.label,
            supervisor=supervisor or self.supervisor,
            containers=containers or self.containers,
        )

    def with_step(self, step: StepProcess) -> Self:
        """This holder with the step that it executes."""
        supervisor = step.supervisor or self.supervisor
        return replace(self, supervisor=supervisor, step=step.process, group=step.group, reaper=step.reaper)

    def is_here(self) -> bool:
        """Whether the holder's process ids mean something to the calling process: same boot, same pid namespace."""
        return self.host is not None and self.host == processes.this_host()

    def is_gone(self) -> bool:
        """Whether the holder's process certainly executes no more. False when it cannot be told from here."""
        return self.is_here() and self.process is not None and processes.is_gone(self.process)

    def describe(self) -> str:
        """The holder in words."""
        if self.process is None:
            return "an unknown holder"
        words = f"process {self.process.pid} on {self.host_name or 'an unknown host'}"
        return f"{self.label} ({words})" if self.label else words


@cache
def _host_name() -> str:
    return socket.gethostname()


def _pair(process: Process | None) -> list[int] | None:
    return None if process is None else [process.pid, process.started]


def _reference(pair: list[str] | None) -> Reference | None:
    if pair is None:
        return None
    program, identity = pair
    return Reference(str(program), str(identity))


def _process(pair: list[int] | None) -> Process | None:
    if pair is None:
        return None
    pid, started = pair
    return Process(int(pid), int(started))
