"""Where reapers are forked, and in them steps."""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
from typing import Any, NamedTuple

from . import reaper as reapers
from . import step_process
from .fresh_start import FreshStart
from .reaper import Reaper

_UNFIT = 3  # the worker's exit code


class Birth(NamedTuple):
    """What a forked process needs to become a step."""

    order: int
    """A file that holds the supervisor's order to run the step. Only the step itself reads it."""
    failure: int
    """Where refusals are written to; see ``step_process``."""
    reaper: int
    """The parent's process id."""

    def become(self, start: FreshStart) -> None:
        """Be as the step's program expects it; ends this process when that cannot be had."""
        try:
            step: dict[str, Any] = json.loads(os.read(self.order, os.fstat(self.order).st_size).decode())
            os.close(self.order)
            step_process.enter(step, self.failure, self.reaper)
            with step_process.refused_for("process", self.failure):
                start.restore(step)
            os.close(self.failure)
        except BaseException:  # noqa: BLE001 (a forked process must not return into its parent's code)
            sys.excepthook(*sys.exc_info())
            os._exit(1)


class Cradle:
    """The worker's loop."""

    def __init__(self, channel: int, supervisor: int) -> None:
        self._channel = socket.socket(fileno=channel)
        self._supervisor = supervisor

    def rock(self) -> Birth:
        """Fork a reaper for each request. Returns in the processes of steps only."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        while True:
            asked, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            if not asked:
                os._exit(0)
            if not is_single_threaded():
                os._exit(_UNFIT)
            between = os.fork()
            if between == 0:
                _orphan()
                self._channel.close()
                return _reap(descriptors[0], self._supervisor)
            os.close(descriptors[0])
            os.waitpid(between, 0)


def is_single_threaded() -> bool:
    """Whether this process can be forked; asked of the kernel, which knows threads that Python does not."""
    return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 (as in process_tree)


def _orphan() -> None:
    """Go on in a child whose parent ends, so that the supervisor, a subreaper, becomes its parent."""
    between = os.getpid()
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(1)
    while os.getppid() == between:  # it has nothing left to do but to end
        os.sched_yield()


def _reap(report: int, supervisor: int) -> Birth:
    """Be the reaper of one step after the other. Returns in the processes of steps only."""
    birth = None
    try:
        reapers.set_signals()
        if reapers.stand_guard(supervisor):
            birth = _run_steps(report, supervisor)
    except BaseException:  # noqa: BLE001 (as above)
        os._exit(1)
    if birth is None:
        os._exit(0)
    return birth


def _run_steps(report: int, supervisor: int) -> Birth | None:
    reaper = Reaper(report)
    reaper.send({"event": "idle", "pid": os.getpid()})
    channel = socket.socket(fileno=report)
    while True:
        given, orders, _, _ = socket.recv_fds(channel, 1, 1)
        reaper.forget_orders()  # so look at the supervisor: its death is told by the same signal
        if not given or os.getppid() != supervisor:
            return None
        if not is_single_threaded():
            reaper.send({"event": "unfit"})
            return None
        birth = reaper.run(functools.partial(Birth, orders[0]), handed_over=(orders[0],))
        if birth is not None:
            channel.detach()  # it is closed
            return birth
