"""The supervisor's side of a worker: see ``worker_process``."""

from __future__ import annotations

import os
import signal
import socket
from collections import deque
from typing import Any

from . import kernel, step_process
from .reaper_link import ReaperLink

_DIRECTORY = os.path.dirname(__file__)  # noqa: PTH120 (as in process_tree)


class Worker:
    """A worker process, the steps that wait for a reaper of it, and its reapers that wait for a step."""

    def __init__(self, kind: str, order: dict[str, Any]) -> None:
        """Start the process for ``order``, the first of its steps. Raises OSError."""
        self.kind = kind
        self.waiting: deque[dict[str, Any]] = deque()
        self.idle: list[ReaperLink] = []
        self.expected = 0
        """How many reapers were asked for and have not answered."""
        self.proven = False
        """Whether it ever answered: it can start, then."""
        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        with theirs:
            self.pid = _start(order, theirs)

    def ask(self) -> ReaperLink | None:
        """Ask for a reaper if there are too few. None when there are enough, or the worker cannot be asked."""
        if self.expected >= len(self.waiting):
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.channel, [b"r"], [theirs.fileno()])
            except OSError:  # it is gone, or was stopped long ago
                ours.close()
                return None
        self.expected += 1
        return ReaperLink(ours, worker=self)

    def withdraw(self, step: int) -> bool:
        """Forget a step that waits; whether it did."""
        for order in self.waiting:
            if order["id"] == step:
                self.waiting.remove(order)
                return True
        return False


def _start(order: dict[str, Any], channel: socket.socket) -> int:
    supervisor = os.getpid()
    interpreter, module = order["worker"]["interpreter"], order["argv"][2]
    argv = [interpreter, _DIRECTORY, "worker", str(channel.fileno()), str(supervisor), module]
    pid = os.fork()
    if pid == 0:
        try:
            kernel.signal_at_parents_death(signal.SIGKILL)
            if os.getppid() == supervisor:
                printed = os.memfd_create("printed")
                os.dup2(printed, 1)
                os.dup2(printed, 2)
                os.set_inheritable(channel.fileno(), True)
                os.umask(0o022)
                step_process.reset_signals()
                os.execve(interpreter, argv, order["worker"]["environment"])  # noqa: S606 (no shell text)
        finally:
            os._exit(127)
    return pid
