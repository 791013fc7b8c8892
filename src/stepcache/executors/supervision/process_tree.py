"""The processes of this machine, seen from above; see ``stepcache.processes`` for the engine's view."""

from __future__ import annotations

import os
import signal


def start_time(pid: int) -> int:
    """In clock ticks since boot, of a process that was not reaped."""
    return int(_stat(pid)[19])


def descendants(ancestor: int) -> list[int]:
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


def kill_all(pids: list[int]) -> bool:
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


def end_orphans(known: set[int]) -> None:
    """Kill every child of this process that is not ``known``, with all below it, and collect them.

    Another user's process cannot be killed, and is left alone.
    """
    left = set(known)
    while True:
        orphans = [pid for pid, parent, _ in _processes() if parent == os.getpid() and pid not in left]
        if not orphans:
            return
        left.update(orphan for orphan in orphans if kill_all([orphan]))
        for orphan in orphans:
            kill_all(descendants(orphan))
        for orphan in orphans:
            os.waitpid(orphan, os.WNOHANG if orphan in left else 0)


def _processes() -> list[tuple[int, int, bytes]]:
    """Id, parent and state of every process."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib would double the supervisor's start-up)
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                found.append((int(name), int(fields[1]), fields[0]))
    return found


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
