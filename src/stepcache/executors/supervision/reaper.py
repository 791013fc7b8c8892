"""The process that watches over a step: its parent, and the subreaper of all below it.

One that was forked from a worker says ``{"event": "idle", "pid"}`` first, and runs one step after the other. For
each step the supervisor hears, by one descriptor, ``{"event": "begun"}`` before anything of the step can run; then
``{"event": "started", "pid", "started", "reaper", "reaper_started"}`` or ``{"event": "refused", "what", "errno"}``;
and ``{"event": "ended", "status"}`` (negative: the signal) when no process of the step is left. The descriptor ends
with the reaper.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from . import kernel, process_tree
from .messages import encode

TERMINATE = signal.SIGUSR1
"""To a reaper: TERM to the step's group."""
KILL = signal.SIGUSR2
"""To a reaper: KILL to every process of the step. The kernel sends it when the supervisor dies."""
FROM_A_TERMINAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What ends neither supervisor nor reaper: the engine decides what ends a step, and how."""

_ORDERS = (signal.SIGCHLD, TERMINATE, KILL)
_RESCAN = 0.02  # seconds between two looks for processes that were forked while others were killed

_Step = TypeVar("_Step")


def set_signals() -> None:
    """Have the orders wait until the reaper asks for them."""
    for number in FROM_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an engine that ignores it hands that down
    signal.pthread_sigmask(signal.SIG_SETMASK, _ORDERS)


def stand_guard(supervisor: int) -> bool:
    """Bind this process to its parent and its descendants; whether the supervisor, its parent, still lives."""
    kernel.signal_at_parents_death(KILL)
    if os.getppid() != supervisor:  # it died before the line above
        return False
    kernel.adopt_orphans()
    return True


class Reaper:
    """Starts a step, reports how it ended, and ends itself, or goes on to the next step, only after every process
    that descends from it.
    """

    def __init__(self, report: int) -> None:
        self._report = report
        self._pid = 0
        self._status: int | None = None
        self._terminating = False
        self._killing = False

    def run(self, become: Callable[[int, int], _Step], *, handed_over: tuple[int, ...] = ()) -> _Step | None:
        """Fork the step's first process, and stay until no process of the step is left.

        Returns twice: in the step's process what ``become`` returns, which is called with the descriptor that
        refusals are written to and this process's id, and has to close the former; in this process None. Only the
        step's process keeps what is ``handed_over``.
        """
        reaper = os.getpid()
        outcome, failure = os.pipe()
        self._status, self._terminating, self._killing = None, False, False
        self.send({"event": "begun"})
        try:
            self._pid = os.fork()
        except OSError as error:
            for descriptor in (outcome, failure, *handed_over):
                os.close(descriptor)
            self.send({"event": "refused", "what": "process", "errno": error.errno})
            return None
        if self._pid == 0:
            os.close(outcome)
            os.close(self._report)
            return become(failure, reaper)
        for descriptor in (failure, *handed_over):
            os.close(descriptor)
        if self._has_started(outcome):
            self._watch()
        return None

    def forget_orders(self) -> None:
        """Take no order for a former step for one for the next; the supervisor gives none before ``begun``."""
        while signal.sigtimedwait(_ORDERS, 0) is not None:
            pass

    def send(self, message: dict[str, Any]) -> None:
        """Tell the supervisor. At once and in less than PIPE_BUF, so that it reads whole messages."""
        with contextlib.suppress(BrokenPipeError):  # the supervisor is gone
            os.write(self._report, encode(message))

    def _has_started(self, outcome: int) -> bool:
        refusal = os.read(outcome, 64).decode()  # empty: closed once nothing can be refused any more
        os.close(outcome)
        if refusal:
            os.waitpid(self._pid, 0)
            what, number = refusal.split()
            self.send({"event": "refused", "what": what, "errno": int(number)})
            return False
        self.send(
            {
                "event": "started",
                "pid": self._pid,
                "started": process_tree.start_time(self._pid),
                "reaper": os.getpid(),
                "reaper_started": process_tree.start_time(os.getpid()),
            }
        )
        return True

    def _watch(self) -> None:
        while self._reap():
            # A step that was asked to terminate keeps its grace period for all its processes; one that ended by
            # itself has no use for what it left behind, and an output may not change after its first process ended.
            if self._killing or (self._status is not None and not self._terminating):
                if process_tree.kill_all(process_tree.descendants(os.getpid())):
                    self._end_by_force()
                received = signal.sigtimedwait(_ORDERS, _RESCAN)
            else:
                received = signal.sigwaitinfo(_ORDERS)
            self._obey(received.si_signo if received else None)
        self.send({"event": "ended", "status": self._status})

    def _end_by_force(self) -> NoReturn:
        """What is left belongs to another user, cannot be killed and is not waited for."""
        # Without a status that is the first process itself.
        self.send({"event": "ended", "status": -signal.SIGKILL if self._status is None else self._status})
        os._exit(0)

    def _obey(self, signal_number: int | None) -> None:
        if signal_number == KILL:
            self._killing = True
        elif signal_number == TERMINATE and self._status is None:
            self._terminating = True
            with contextlib.suppress(PermissionError):  # it runs as another user now
                os.killpg(self._pid, signal.SIGTERM)

    def _reap(self) -> bool:
        """Collect every process that has ended; whether there are others."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._status = os.waitstatus_to_exitcode(status)
