"""The first process of a step, between its fork from the reaper and the first line of its own program."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any, NoReturn

from . import kernel

_NOT_STARTED = 127


@contextlib.contextmanager
def refused_for(what: str, failure: int) -> Iterator[None]:
    """End this process if the block fails, having told the reaper by ``failure`` what could not be had."""
    try:
        yield
    except OSError as error:
        os.write(failure, f"{what} {error.errno}".encode())
        os._exit(_NOT_STARTED)


def enter(step: dict[str, Any], failure: int, reaper: int) -> None:
    """Leave the reaper's session, umask, directory and outputs for those of the step.

    Standard input is the supervisor's, /dev/null.
    """
    with refused_for("process", failure):
        os.setsid()
        kernel.signal_at_parents_death(signal.SIGKILL)
        if os.getppid() != reaper:
            os._exit(_NOT_STARTED)
        os.umask(0o022)
    with refused_for("directory", failure):
        os.chdir(step["directory"])
    with refused_for("log", failure):
        log = os.open(step["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)


def execute(step: dict[str, Any], failure: int, reaper: int) -> NoReturn:
    """Become the step by exec, which closes ``failure`` and every other descriptor behind 2."""
    try:
        enter(step, failure, reaper)
        reset_signals()
        with refused_for("program", failure):
            os.execvpe(step["argv"][0], step["argv"], step["environment"])  # noqa: S606 (no shell text)
    finally:
        os._exit(_NOT_STARTED)


def reset_signals() -> None:
    """The system's default for every signal, and none of them blocked."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
