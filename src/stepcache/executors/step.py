"""A step as a process: what is started, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stepcache.errors import InputError
from stepcache.executors import signals
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True)
class Worker:
    """What a step may be forked from: an interpreter that has imported the module which the step runs."""

    interpreter: str
    """Its path."""
    environment: Mapping[str, str]
    """Variables that it is started with. Each step has them too, apart from what it declares."""


@dataclass(frozen=True)
class WorkerCall:
    """That a step may be forked. Its ``argv`` is ``PYTHON -m MODULE …``, and runs by exec if it cannot be forked.

    ``sys.executable`` of the step is its ``PYTHON``, which may be that of another virtual environment than the
    worker's.
    """

    worker: Worker
    prefix: str | None = None
    """The step's ``sys.prefix``, if it is not the worker's: a virtual environment upon the same packages."""
    sites: tuple[str, ...] = ()
    """More site directories, that come before those of the worker."""


@dataclass(frozen=True)
class StepCommand:
    """What is started. Nothing beyond it reaches the step: no other variable, descriptor or directory."""

    argv: tuple[str, ...]
    """The program, looked up on the ``PATH`` of ``environment`` unless it names a directory, and its arguments."""
    environment: Mapping[str, str]
    """The complete environment; see ``environment.build``."""
    directory: Path
    """The working directory. It exists."""
    log: Path
    """Where standard output and standard error are appended, in the order they were written."""
    call: WorkerCall | None = None
    """How ``argv`` may be run without starting an interpreter; see ``warm_start``."""

    def check(self) -> None:
        """Raise InputError for what no operating system can start: no program, or text that is no C string."""
        if not self.argv or not self.argv[0]:
            raise InputError("the step's command is empty")
        for argument in self.argv:
            _check_text(argument, f"an argument of {self.argv[0]!r}")
        for name, value in self.environment.items():
            if not name or "=" in name:
                raise InputError(f"{name!r} is not the name of an environment variable")
            _check_text(name, f"the name of environment variable {name!r}")
            _check_text(value, f"the value of environment variable {name!r}")


@dataclass(frozen=True, slots=True)
class StepExit:
    """How the step's first process ended: by itself with ``code``, or killed by ``signal``; the other is None.

    Both are None for a step in a container of which that is not known. It counts as failed.
    """

    code: int | None
    signal: int | None
    problem: str = ""
    """What more is known than the two say, as the end of a sentence that begins with "the step"."""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0

    def describe(self) -> str:
        """How it ended, as the end of a sentence that begins with "the step"."""
        if self.problem:
            return self.problem
        if self.signal is not None:
            return f"was ended by {signals.name(self.signal)}"
        return f"ended with exit code {self.code}"


def _check_text(text: str, what: str) -> None:
    if "\0" in text:
        raise InputError(f"{what} holds a NUL character")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"{what} cannot be written as UTF-8") from error
