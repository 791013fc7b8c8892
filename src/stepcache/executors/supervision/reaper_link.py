"""The supervisor's end of what is said between it and one reaper."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from .messages import Inbox
from .reaper import KILL, TERMINATE

if TYPE_CHECKING:
    from .worker import Worker


class ReaperLink:
    """A reaper: one that was forked for a step, or, by a ``worker``, for whatever step comes."""

    def __init__(self, channel: socket.socket, *, pid: int | None = None, worker: Worker | None = None) -> None:
        self.channel = channel
        self.worker = worker
        self.pid = pid
        """Its process id, once it is known; it is a child of the supervisor then."""
        self.step: dict[str, Any] | None = None
        """The engine's order that it was given; None while it is idle."""
        self.begun = False
        """Whether anything of the step may have run."""
        self.over = False
        """Whether the engine knows how it ended."""
        self.killed = False
        """Whether the step is to be killed."""
        self._inbox = Inbox()

    def give(self, step: dict[str, Any]) -> bool:
        """Have the reaper run ``step``. False when it is gone: then nothing of it ever runs.

        The order travels as a file: a socket's buffer is smaller than an order may be, and the supervisor must
        never have to wait for a process that may have been stopped.
        """
        order = os.memfd_create("step")
        try:
            with os.fdopen(os.dup(order), "w", encoding="ascii") as file:
                json.dump(step, file)
            os.lseek(order, 0, os.SEEK_SET)
            socket.send_fds(self.channel, [b"r"], [order])
        except OSError:
            return False
        finally:
            os.close(order)
        self.step = step
        return True

    def begin(self) -> None:
        """The step is being started: whatever happens, it is not started again, and its order not needed."""
        self.begun = True
        if self.step is not None:
            self.step = {"id": self.step["id"]}
        if self.killed:
            self.kill()

    def rest(self) -> None:
        """Its step is over, and it can be given another one."""
        self.step, self.begun, self.over, self.killed = None, False, False, False

    def terminate(self) -> None:
        """Have the step terminated, which has started."""
        self._send_signal(TERMINATE)

    def kill(self) -> None:
        """Have the step killed, as soon as it has begun."""
        self.killed = True
        self._send_signal(KILL)

    def wake(self) -> None:
        """Have a reaper that was stopped go on."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def _send_signal(self, number: signal.Signals) -> None:
        if self.begun and self.pid is not None:
            os.kill(self.pid, number)

    def dismiss(self) -> None:
        """Have a reaper without a step end."""
        self.channel.shutdown(socket.SHUT_WR)
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def receive(self) -> list[dict[str, Any]] | None:
        """What the reaper said; None once it is gone."""
        try:
            received = self.channel.recv(1 << 16)
        except ConnectionError:
            received = b""
        return list(self._inbox.feed(received)) if received else None

    def close(self) -> None:
        """Collect the reaper, which is gone."""
        self.channel.close()
        if self.pid is not None:
            os.waitpid(self.pid, 0)
