"""The parent of all steps of one engine: a program of its own, run as ``python -I -S`` (see ``__main__``).

It imports nothing but the standard library, has one thread, and is started once per engine::

    engine ──socket──▶ supervisor ──fork──▶ reaper of step 1 ──fork, exec──▶ step 1 ──▶ its children
                                  └──fork──▶ reaper of step 2 …

The reaper of a step is a child subreaper (prctl(2)): whatever the step starts, daemons with a session of their own
included, stays below it, so "every process of the step" is known exactly and ends before the step counts as ended.

* The engine dies: the socket ends, the supervisor has every reaper kill its step, and exits after the last one.
* The supervisor dies: every reaper is told by the kernel (PR_SET_PDEATHSIG) and does the same.
* A reaper dies: the kernel kills its step's first process, and the supervisor, a subreaper too, kills the rest.

A step with a ``worker`` gets a reaper that was forked from that worker (see ``worker_process``) instead of from the
supervisor, but is a child of the supervisor all the same. If there is no such reaper because the worker cannot
start, or dies, the step runs as any other.

The engine sends ``{"do": "run", "id", "argv", "environment", "directory", "log"}``, with ``"worker":
{"interpreter", "environment"}``, ``"prefix"`` and ``"sites"`` for a step that may be forked; and for a step it
started ``{"do": "terminate" | "kill", "id"}``. It gets ``{"event": "started", "id", "pid", "started", "reaper",
"reaper_started"}`` or ``{"event": "refused", "id", "what", "errno"}``, and later ``{"event": "ended", "id",
"status"}`` (negative: the signal), or ``{"event": "lost", "id"}`` when the step's reaper was killed.
"""

from __future__ import annotations

import functools
import os
import select
import socket
import sys
from typing import Any, NoReturn

from . import kernel, process_tree, step_process
from . import reaper as reapers
from .messages import Inbox, encode
from .reaper import Reaper
from .reaper_link import ReaperLink
from .workers import Workers


class Supervisor:
    """Has a reaper for each step, passes messages on, and leaves no process behind."""

    def __init__(self, channel: int, engine: int) -> None:
        self._channel = channel
        self._inbox = Inbox()
        self._links: dict[int, ReaperLink] = {}  # by descriptor
        self._running: dict[int, ReaperLink] = {}  # by id of the step
        self.poll = select.poll()
        self.poll.register(channel, select.POLLIN)
        self._workers = Workers(self)
        self._engine = _open_process(engine)
        if self._engine is not None:
            self.poll.register(self._engine, select.POLLIN)
        self._closing = False

    def serve(self) -> None:
        """Return when the engine is gone, or has closed its end, and the last process of all has ended."""
        while self._links or self._workers.pids or not self._closing:
            for descriptor, _ in self.poll.poll():
                if descriptor in self._links:
                    self._hear(self._links[descriptor])
                elif descriptor == self._channel:
                    self._listen()
                elif descriptor == self._engine:
                    self._close()
                elif descriptor in self._workers.descriptors:
                    self._workers.lose(descriptor)

    def run_apart(self, step: dict[str, Any]) -> None:
        """Run a step by exec, below a reaper that is forked from this process."""
        supervisor = os.getpid()
        ours, report = socket.socketpair()
        with report:
            try:
                pid = os.fork()
            except OSError as error:
                ours.close()
                self._send({"event": "refused", "id": step["id"], "what": "process", "errno": error.errno})
                return
            if pid == 0:
                # Not one descriptor of the supervisor may live on here: the engine learns from the socket's end
                # that the supervisor is gone.
                last = max(
                    self._channel, self._engine or 0, *self._links, *self._workers.descriptors, ours.fileno()
                )
                os.closerange(3, report.fileno())
                os.closerange(report.fileno() + 1, last + 1)
                _reap(step, report.fileno(), supervisor)
        link = ReaperLink(ours, pid=pid)
        link.step = step
        link.begin()
        self._running[step["id"]] = link
        self.watch(link)

    def run_by(self, link: ReaperLink, step: dict[str, Any]) -> None:
        """Run a step below a reaper that waits for one."""
        if link.give(step):
            self._running[step["id"]] = link
        else:
            self.run_apart(step)

    def watch(self, link: ReaperLink) -> None:
        """Hear what a reaper says, and how it ends."""
        self._links[link.channel.fileno()] = link
        self.poll.register(link.channel, select.POLLIN)

    def end_orphans(self) -> None:
        """Kill what a reaper or a worker has left to this process."""
        reapers_pids = {link.pid for link in self._links.values() if link.pid is not None}
        process_tree.end_orphans(reapers_pids | self._workers.pids)

    def _listen(self) -> None:
        if self._closing:
            return
        try:
            received = os.read(self._channel, 1 << 16)
        except ConnectionError:
            received = b""
        if not received:
            self._close()
            return
        for message in self._inbox.feed(received):
            self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        step = message["id"]
        if message["do"] == "run":
            if not self._workers.run(message):
                self.run_apart(message)
        elif step in self._running:
            link = self._running[step]
            link.terminate() if message["do"] == "terminate" else link.kill()
        elif self._workers.withdraw(step):
            self._withdrawn(step)
        # else it has ended meanwhile, and the engine will hear of it

    def _hear(self, link: ReaperLink) -> None:
        messages = link.receive()
        if messages is None:
            self._lose(link)
            return
        for message in messages:
            if message["event"] == "idle":
                self._workers.welcome(link, message["pid"])
            elif message["event"] == "unfit":
                self._workers.retire(link)
            elif message["event"] == "begun":
                link.begin()
            elif link.step is not None:
                self._pass_on(link, {**message, "id": link.step["id"]})

    def _pass_on(self, link: ReaperLink, message: dict[str, Any]) -> None:
        self._send(message)
        link.over = message["event"] != "started"
        if link.over and link.worker is not None:
            del self._running[message["id"]]
            link.rest()
            self._workers.take_back(link)

    def _lose(self, link: ReaperLink) -> None:
        """What follows from a reaper's end."""
        self.poll.unregister(link.channel)
        del self._links[link.channel.fileno()]
        link.close()
        if link.step is None:
            self._workers.lose_idle(link)
            return
        step = link.step["id"]
        del self._running[step]
        if link.over:
            return
        if link.begun:
            self.end_orphans()
            self._send({"event": "lost", "id": step})
        elif link.killed:
            self._withdrawn(step)
        else:
            self.run_apart(link.step)

    def _withdrawn(self, step: int) -> None:
        self._send({"event": "withdrawn", "id": step})

    def _close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self.poll.unregister(self._channel)
        if self._engine is not None:
            self.poll.unregister(self._engine)
        self._workers.close()
        for link in self._links.values():
            if link.step is None:
                link.dismiss()
            else:
                link.kill()
                link.wake()

    def _send(self, message: dict[str, Any]) -> None:
        rest = memoryview(encode(message))
        try:
            while rest:
                rest = rest[os.write(self._channel, rest) :]
        except ConnectionError:
            return  # the engine is gone, which the poll says too


def _reap(step: dict[str, Any], report: int, supervisor: int) -> NoReturn:
    """Be the reaper of a step that runs apart."""
    try:
        if reapers.stand_guard(supervisor):
            Reaper(report).run(functools.partial(step_process.execute, step))
        os._exit(0)
    except BaseException:  # noqa: BLE001 (a forked process must not return into its parent's code)
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _open_process(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended. None where the kernel has none (before 5.3).

    The socket's end says the same, except when the engine forked: its child holds the socket too.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    return descriptor


def main(channel: str, engine: str) -> None:
    """Serve the engine of this process id over ``channel``, a descriptor."""
    os.set_inheritable(int(channel), False)
    reapers.set_signals()  # reapers inherit that
    kernel.adopt_orphans()
    Supervisor(int(channel), int(engine)).serve()
