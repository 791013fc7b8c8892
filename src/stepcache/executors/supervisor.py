"""The engine's side of the supervisor: starting steps, and hearing how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from stepcache import processes
from stepcache.errors import InputError, StepcacheError
from stepcache.executors import supervision
from stepcache.executors.running_step import RunningStep
from stepcache.executors.step import StepCommand, StepExit
from stepcache.executors.supervision import messages

_CLOSING = 10.0  # seconds that a supervisor has to end its steps before it is killed itself
_PROGRAM_PROBLEMS = {
    errno.ENOENT: "no such program",
    errno.EACCES: "not executable",
    errno.ENOEXEC: "neither a program for this machine nor a script with an interpreter line",
    errno.E2BIG: "its arguments and environment are too long for this machine (128 KiB for a single one on Linux)",
}


class Supervisor:
    """One process that is the parent of all steps of this engine (see ``supervision.supervisor_process``).

    When the engine ends, by ``kill -9`` too, the supervisor kills every process of every step and ends itself. It
    stands in a session of its own: Ctrl-C at a terminal reaches the engine, and neither it nor the steps.
    """

    def __init__(self) -> None:
        """Nothing is started before it is needed: a run that reuses everything has no use for it."""
        self._startup: asyncio.Task[None] | None = None
        self._process: processes.Process | None = None
        self._ids = itertools.count(1)
        self._starting: dict[int, tuple[StepCommand, asyncio.Future[RunningStep | StepcacheError]]] = {}
        self._running: dict[int, RunningStep] = {}
        self._closed = False

    @property
    def process(self) -> processes.Process:
        """As long as it lives, processes of steps may live (they are gone when it is, unless it was killed)."""
        if self._process is None:
            raise RuntimeError("the supervisor was not started")
        return self._process

    async def started(self) -> processes.Process:
        """The process, which is started if it was not before; the answer does not wait until it is ready.

        Raises StepcacheError when it cannot be started, or this was closed.
        """
        if self._process is None:
            if self._closed:
                raise self._gone()
            if self._startup is None:
                self._startup = asyncio.create_task(self._start(), name="start the supervisor")
            await asyncio.shield(self._startup)
        return self.process

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._child = _spawn(theirs)
        except OSError as error:
            ours.close()
            raise StepcacheError(f"the step supervisor cannot be started: {error.strerror}") from error
        ours.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._listener = asyncio.create_task(self._listen())
        self._process = processes.find(self._child.pid) or processes.Process(self._child.pid, 0)

    async def run(self, command: StepCommand) -> RunningStep:
        """Start a step.

        Raises InputError for a command that cannot be started, naming it, and StepcacheError when its directory or
        log cannot be opened or the supervisor is gone. When this call is cancelled, no process of the step is left.
        """
        command.check()
        await self.started()
        if self._listener.done() or self._closed:
            raise self._gone()
        step = next(self._ids)
        answer: asyncio.Future[RunningStep | StepcacheError] = asyncio.get_running_loop().create_future()
        self._starting[step] = (command, answer)
        self._send(_order(step, command))
        try:
            outcome = await asyncio.shield(answer)
        except asyncio.CancelledError:
            self._send({"do": "kill", "id": step})
            outcome = await asyncio.shield(answer)
            if isinstance(outcome, RunningStep):
                with contextlib.suppress(StepcacheError):
                    await outcome.wait()
            raise
        if isinstance(outcome, StepcacheError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Kill what still runs, and end the supervisor. May be called again. Waiting callers get their answer."""
        closed, self._closed = self._closed, True
        if self._startup is None:
            return
        await asyncio.wait([self._startup])
        if self._process is None:
            return
        if not closed and self._writer.can_write_eof() and not self._listener.done():
            self._writer.write_eof()
        try:
            async with asyncio.timeout(_CLOSING):
                await asyncio.shield(self._listener)
        except TimeoutError:
            self._child.kill()
            await asyncio.shield(self._listener)

    def _send(self, message: dict[str, Any]) -> None:
        if not self._closed and not self._writer.is_closing():
            self._writer.write(messages.encode(message))

    async def _listen(self) -> None:
        """Hear the supervisor out until it ends, then settle whatever it did not answer any more."""
        try:
            while True:
                length = int.from_bytes(await self._reader.readexactly(4), "big")
                self._hear(json.loads(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._child.wait()  # no wait: its end of the socket is closed
        for step in list(self._running):
            # The reapers kill what is left when the supervisor was killed. Whoever hears of the failure may start
            # the same step again, so it must not be heard before.
            while not processes.is_gone(self._running[step].reaper):  # noqa: ASYNC110 (no event tells of it)
                await asyncio.sleep(0.005)
            self._running.pop(step).settle(self._gone())
        while self._starting:
            _, (_, answer) = self._starting.popitem()
            answer.set_result(self._gone())

    def _hear(self, message: dict[str, Any]) -> None:
        step = message["id"]
        match message["event"]:
            case "started":
                _, answer = self._starting.pop(step)
                self._running[step] = running = RunningStep(
                    processes.Process(message["pid"], message["started"]),
                    processes.Process(message["reaper"], message["reaper_started"]),
                    lambda order: self._send({"do": order, "id": step}),
                )
                answer.set_result(running)
            case "refused":
                command, answer = self._starting.pop(step)
                answer.set_result(_refusal(command, message["what"], message["errno"]))
            case "withdrawn":
                self._starting.pop(step)[1].set_result(StepcacheError("the step was killed before it had started"))
            case "ended" if step in self._running:
                status = message["status"]
                outcome = StepExit(status, None) if status >= 0 else StepExit(None, -status)
                self._running.pop(step).settle(outcome)
            case "lost":
                lost = StepcacheError("the reaper of the step was killed, and the step with it")
                if step in self._running:
                    self._running.pop(step).settle(lost)
                elif step in self._starting:
                    self._starting.pop(step)[1].set_result(lost)

    def _gone(self) -> StepcacheError:
        if self._closed:
            return StepcacheError("the step supervisor was closed")
        return StepcacheError("the step supervisor died", remedy="Run the same command again.")


def _spawn(channel: socket.socket) -> subprocess.Popen[bytes]:
    # UTF-8 in every locale: what a step is given does not depend on the terminal it was started from.
    interpreter = (sys.executable, "-I", "-S", "-X", "utf8")
    program = (Path(supervision.__file__).parent, "supervisor", str(channel.fileno()), str(os.getpid()))
    return subprocess.Popen(
        [*interpreter, *program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if sys.__stderr__ else subprocess.DEVNULL,  # 0 to 2 are open, so that no pipe gets their place
        pass_fds=[channel.fileno()],
        start_new_session=True,
        cwd="/",
    )


def _order(step: int, command: StepCommand) -> dict[str, Any]:
    order: dict[str, Any] = {
        "do": "run",
        "id": step,
        "argv": command.argv,
        "environment": dict(command.environment),
        "directory": os.fspath(command.directory),
        "log": os.fspath(command.log),
    }
    if command.call is not None and command.argv[1:2] == ("-m",):  # else it is to be started by another program
        worker = command.call.worker
        order["worker"] = {"interpreter": worker.interpreter, "environment": dict(worker.environment)}
        order["prefix"], order["sites"] = command.call.prefix, command.call.sites
    return order


def _refusal(command: StepCommand, what: str, number: int) -> StepcacheError:
    if what == "program":
        problem = _PROGRAM_PROBLEMS.get(number) or os.strerror(number)
        return InputError(f"cannot start {command.argv[0]!r}: {problem}")
    place = {"directory": f"working directory {command.directory}", "log": f"log {command.log}"}.get(what, what)
    return StepcacheError(f"cannot start {command.argv[0]!r}, {place}: {os.strerror(number)}")
