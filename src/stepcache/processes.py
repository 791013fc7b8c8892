"""Which process is which, and whether it is still there, on Linux.

A process id alone is reused; together with the process's start time it names one process for as long as the
machine is up. A zombie counts as gone: it executes nothing any more (protocol.md, Same-host recovery).
"""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path

from stepcache.light_dataclasses import dataclass

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its id, and its start time in clock ticks since boot."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Host:
    """One boot of one machine, seen from one pid namespace. Process ids compare only within it."""

    boot_id: str
    pid_namespace: int


@cache
def this_host() -> Host | None:
    """The host of this process; None where it cannot be told, and no shortcut may be taken."""
    try:
        boot_id = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return Host(boot_id, (_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return None


def this_process() -> Process:
    """The calling process (start time 0 where it cannot be told)."""
    pid = os.getpid()
    return Process(pid, _start_time(pid) or 0)


def find(pid: int) -> Process | None:
    """The process that has ``pid`` now; None for no process or a zombie."""
    started = _start_time(pid)
    return None if started is None else Process(pid, started)


def is_gone(process: Process) -> bool:
    """Whether this very process executes no more: ended, a zombie, or its id belongs to another one now.

    False when it cannot be told: ``/proc`` may hide other users' processes (``hidepid``).
    """
    started = _start_time(process.pid)
    if started is None:
        return not _is_hidden(process.pid)
    return started != process.started


def group_exists(group: int) -> bool:
    """Whether a process group has any process, zombies included."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def group_members(group: int) -> list[Process]:
    """Every process of a process group that is not a zombie."""
    members = []
    for directory in _PROC.iterdir():
        if directory.name.isdigit():
            fields = _stat(int(directory.name))
            if fields is not None and fields[0] != b"Z" and int(fields[2]) == group:
                members.append(Process(int(directory.name), int(fields[19])))
    return members


def kill(process: Process) -> None:
    """Send KILL to this very process; nothing if it is gone. Raises PermissionError for another user's process."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor keeps naming whatever had the id when it was opened: look at the identity after that.
        if not is_gone(process):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def kill_group(group: int) -> None:
    """Send KILL to every process of a group; nothing if it has none."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _start_time(pid: int) -> int | None:
    fields = _stat(pid)
    if fields is None or fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19])


def _is_hidden(pid: int) -> bool:
    """Whether a process of this id exists that ``/proc`` does not show to the calling user."""
    if (_PROC / str(pid)).exists():
        return False  # it is shown, so what was read about it holds: a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return False


def _stat(pid: int) -> list[bytes] | None:
    """The fields of ``/proc/PID/stat`` from ``state`` on (the command name before them may hold anything)."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    return text[text.rindex(b")") + 2 :].split()
