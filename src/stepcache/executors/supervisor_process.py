"""The parent of all steps of one engine: a program of its own, run as ``python -I -S`` on this file.

It imports nothing but the standard library, has one thread, and is started once per engine::

    engine ──socket──▶ supervisor ──fork──▶ reaper of step 1 ──fork, exec──▶ step 1 ──▶ its children
                                  └──fork──▶ reaper of step 2 …

The reaper of a step is a child subreaper (prctl(2)): whatever the step starts, daemons with a session of their own
included, stays below it, so "every process of the step" is known exactly and ends before the step counts as ended.

* The engine dies: the socket ends, the supervisor has every reaper kill its step, and exits after the last one.
* The supervisor dies: every reaper is told by the kernel (PR_SET_PDEATHSIG) and does the same.
* A reaper dies: the kernel kills its step's first process, and the supervisor, a subreaper too, kills the rest.

Messages are JSON objects behind their length in four bytes, the highest first. The engine sends
``{"do": "run", "id", "argv", "environment", "directory", "log"}``, and for a step it started
``{"do": "terminate" | "kill", "id"}``. It gets ``{"event": "started", "id", "pid", "started", "reaper",
"reaper_started"}`` or ``{"event": "refused", "id", "what", "errno"}``, and later ``{"event": "ended", "id",
"status"}`` (negative: the signal), or ``{"event": "lost", "id"}`` when the step's reaper was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TERMINATE = signal.SIGUSR1  # to a reaper: TERM to the step's group
_KILL = signal.SIGUSR2  # to a reaper: KILL to every process of the step
_FROM_A_TERMINAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_RESCAN = 0.02  # seconds between two looks for processes that were forked while others were killed


def encode(message: dict[str, Any]) -> bytes:
    """A message as it travels."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


class Supervisor:
    """Starts a reaper per step, passes messages on, and leaves no process behind."""

    def __init__(self, channel: int, engine: int) -> None:
        self._channel = channel
        self._buffer = bytearray()
        self._reports: dict[int, int] = {}  # descriptor of a reaper's reports -> id of its step
        self._reapers: dict[int, int] = {}  # id of a step -> process id of its reaper
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._engine = _open_process(engine)
        if self._engine is not None:
            self._poll.register(self._engine, select.POLLIN)
        self._closing = False

    def serve(self) -> None:
        """Return when the engine is gone, or has closed its end, and the last step's last process has ended."""
        while self._reapers or not self._closing:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._reports:
                    self._pass_on(descriptor)
                elif descriptor == self._channel:
                    self._listen()
                elif descriptor == self._engine:
                    self._close()

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
        self._buffer += received
        while len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                break
            message = json.loads(self._buffer[4:end])
            del self._buffer[:end]
            self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        if message["do"] == "run":
            self._run(message)
        elif message["id"] in self._reapers:  # else it has ended meanwhile, and the engine will hear of it
            os.kill(self._reapers[message["id"]], _TERMINATE if message["do"] == "terminate" else _KILL)

    def _run(self, step: dict[str, Any]) -> None:
        supervisor = os.getpid()
        reports, report = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(reports)
            os.close(report)
            self._send(encode({"event": "refused", "id": step["id"], "what": "process", "errno": error.errno}))
            return
        if pid == 0:
            # Not one descriptor of the supervisor may live on here: the engine learns from the socket's end that
            # the supervisor is gone.
            os.closerange(3, report)
            os.closerange(report + 1, max(report, reports, self._channel, self._engine or 0, *self._reports, 3) + 1)
            _run_reaper(step, report, supervisor)
        os.close(report)
        self._reports[reports] = step["id"]
        self._reapers[step["id"]] = pid
        self._poll.register(reports, select.POLLIN)

    def _pass_on(self, descriptor: int) -> None:
        # A reaper's message is written at once and is shorter than PIPE_BUF, so what is read ends with a whole one.
        report = os.read(descriptor, 1 << 16)
        if report:
            self._send(report)
            return
        self._poll.unregister(descriptor)
        os.close(descriptor)
        step = self._reports.pop(descriptor)
        _, status = os.waitpid(self._reapers.pop(step), 0)
        if status != 0:
            _end_orphans(set(self._reapers.values()))
            self._send(encode({"event": "lost", "id": step}))

    def _close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._poll.unregister(self._channel)
        if self._engine is not None:
            self._poll.unregister(self._engine)
        for reaper in self._reapers.values():
            os.kill(reaper, _KILL)
            os.kill(reaper, signal.SIGCONT)

    def _send(self, message: bytes) -> None:
        rest = memoryview(message)
        try:
            while rest:
                rest = rest[os.write(self._channel, rest) :]
        except ConnectionError:
            return  # the engine is gone, which the poll says too


class Reaper:
    """Starts one step, reports how it ended, and ends only after every process that descends from it."""

    def __init__(self, step: dict[str, Any], report: int) -> None:
        self._step = step
        self._report = report
        self._pid = 0
        self._status: int | None = None
        self._terminating = False
        self._killing = False

    def run(self) -> None:
        """Start the step and stay until no process of it is left."""
        if not self._start():
            return
        while self._reap():
            # A step that was asked to terminate keeps its grace period for all its processes; one that ended by
            # itself has no use for what it left behind, and an output may not change after its first process ended.
            if self._killing or (self._status is not None and not self._terminating):
                if _kill_all(_descendants(os.getpid())):
                    break  # what is left belongs to another user
                received = signal.sigtimedwait((signal.SIGCHLD, _TERMINATE, _KILL), _RESCAN)
            else:
                received = signal.sigwaitinfo((signal.SIGCHLD, _TERMINATE, _KILL))
            self._obey(received.si_signo if received else None)
        self._send({"event": "ended", "status": self._status})

    def _obey(self, signal_number: int | None) -> None:
        if signal_number == _KILL:
            self._killing = True
        elif signal_number == _TERMINATE and self._status is None:
            self._terminating = True
            with contextlib.suppress(PermissionError):  # it runs as another user now
                os.killpg(self._pid, signal.SIGTERM)

    def _start(self) -> bool:
        reaper = os.getpid()
        outcome, failure = os.pipe()
        try:
            self._pid = os.fork()
        except OSError as error:
            self._send({"event": "refused", "what": "process", "errno": error.errno})
            return False
        if self._pid == 0:
            _become_step(self._step, failure, reaper)
        os.close(failure)
        refusal = os.read(outcome, 64).decode()  # empty: closed by exec
        os.close(outcome)
        if refusal:
            os.waitpid(self._pid, 0)
            what, number = refusal.split()
            self._send({"event": "refused", "what": what, "errno": int(number)})
            return False
        self._send(
            {
                "event": "started",
                "pid": self._pid,
                "started": _start_time(self._pid),
                "reaper": reaper,
                "reaper_started": _start_time(reaper),
            }
        )
        return True

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

    def _send(self, message: dict[str, Any]) -> None:
        try:
            os.write(self._report, encode(message | {"id": self._step["id"]}))
        except BrokenPipeError:
            return  # the supervisor is gone


def _run_reaper(step: dict[str, Any], report: int, supervisor: int) -> NoReturn:
    try:
        _prctl(_PR_SET_PDEATHSIG, _KILL)
        if os.getppid() == supervisor:  # else it died before the line above
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            Reaper(step, report).run()
        os._exit(0)
    except BaseException:  # noqa: BLE001 (a forked process must not return into its parent's code)
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _become_step(step: dict[str, Any], failure: int, reaper: int) -> NoReturn:
    what = "process"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != reaper:
            os._exit(1)
        os.umask(0o022)
        what = "directory"
        os.chdir(step["directory"])
        what = "log"
        log = os.open(step["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)  # standard input is the supervisor's, /dev/null; all else is closed by exec
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        what = "program"
        os.execvpe(step["argv"][0], step["argv"], step["environment"])  # noqa: S606 (a step's command is no shell text)
    except OSError as error:
        os.write(failure, f"{what} {error.errno}".encode())
    finally:
        os._exit(127)


def _end_orphans(reapers: set[int]) -> None:
    """Kill what a lost reaper left: every child of this process that is no reaper, with all below it."""
    while True:
        orphans = [pid for pid, parent, _ in _processes() if parent == os.getpid() and pid not in reapers]
        if not orphans:
            return
        for orphan in orphans:
            _kill_all([orphan, *_descendants(orphan)])
        for orphan in orphans:
            os.waitpid(orphan, 0)


def _kill_all(pids: list[int]) -> bool:
    """Send KILL to each; whether there were any, and all belong to someone else."""
    refused = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError:
            refused += 1
    return refused > 0 and refused == len(pids)


def _descendants(ancestor: int) -> list[int]:
    """Every live process below ``ancestor``."""
    children: dict[int, list[int]] = {}
    for pid, parent, state in _processes():
        if state not in (b"Z", b"X"):
            children.setdefault(parent, []).append(pid)
    found: list[int] = []
    level = [ancestor]
    while level:
        level = [child for parent in level for child in children.get(parent, ())]
        found += level
    return found


def _processes() -> list[tuple[int, int, bytes]]:
    """Id, parent and state of every process."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib would double this program's start-up)
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                found.append((int(name), int(fields[1]), fields[0]))
    return found


def _start_time(pid: int) -> int:
    """In clock ticks since boot, of a process that was not reaped; see ``stepcache.processes``."""
    return int(_stat(pid)[19])


def _stat(pid: int) -> list[bytes]:
    """The fields of ``/proc/PID/stat`` from ``state`` on; none when there is no such process."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        text = os.read(descriptor, 4096)
    except ProcessLookupError:
        return []
    finally:
        os.close(descriptor)
    return text[text.rindex(b")") + 2 :].split()


def _open_process(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended. None where the kernel has none (before 5.3).

    The socket's end says the same, except when the engine forked: its child holds the socket too.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    return descriptor


def _prctl(option: int, value: int) -> None:
    import ctypes  # the engine imports this module for its messages, and has no use for ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    """Serve the engine whose socket and process id are the two arguments."""
    channel, engine = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(channel, False)
    for number in _FROM_A_TERMINAL:  # the engine decides what ends a step, and how
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an engine that ignores it hands that down
    signal.pthread_sigmask(signal.SIG_SETMASK, (signal.SIGCHLD, _TERMINATE, _KILL))  # reapers wait for them
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    Supervisor(channel, engine).serve()


if __name__ == "__main__":
    main()
