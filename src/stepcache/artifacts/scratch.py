"""Directories for outputs in the making, and what is left of them after a crash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from pathlib import Path

from stepcache import processes
from stepcache.processes import Process


class Scratch:
    """Directories below one, each named after the process that made it.

    Names are short: what is made inside may be a socket, whose whole path has 108 bytes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def new(self) -> Path:
        """A new empty directory of the calling process."""
        process = processes.this_process()
        path = self._directory / f"{_host()}.{process.pid}.{process.started}.{secrets.token_hex(4)}"
        path.mkdir(parents=True)
        return path

    def sweep(self) -> int:
        """Remove what processes of this host left that are gone; how many directories that were.

        What another machine left, or this one before it was restarted, cannot be told from what is in use, and
        stays. Any number of processes may sweep at once.

        Race: a directory of a process that is alive. Its name holds the process's start time, so it is never taken
        for that of a dead one, whoever has the process id now (``test_only_the_scratch_of_the_dead_is_swept``).
        """
        try:
            found = list(self._directory.iterdir())
        except FileNotFoundError:
            return 0
        dead = [path for path in found if _is_dead(path.name)]
        for path in dead:
            remove(path)
        return sum(not path.exists() for path in dead)


def remove(path: Path) -> None:
    """Delete the file or directory at ``path``, read-only ones included.

    Never raises: what is in the way stays, and what somebody else removes meanwhile is gone.
    """
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
    with contextlib.suppress(OSError):  # nearly always enough, at half the system calls
        shutil.rmtree(path)
        return
    _make_writable(path)
    for parent, names, _ in os.walk(path):
        for name in names:
            _make_writable(Path(parent, name))
    shutil.rmtree(path, ignore_errors=True)


def _make_writable(directory: Path) -> None:
    with contextlib.suppress(OSError):
        if not directory.is_symlink():
            directory.chmod(0o700)


def _host() -> str:
    """A name for the running machine and pid namespace; empty where they cannot be told."""
    host = processes.this_host()
    if host is None:
        return ""
    return hashlib.sha256(f"{host.boot_id} {host.pid_namespace}".encode()).hexdigest()[:8]


def _is_dead(name: str) -> bool:
    here, fields = _host(), name.split(".")
    if not here or len(fields) != 4 or fields[0] != here:
        return False
    try:
        return processes.is_gone(Process(int(fields[1]), int(fields[2])))
    except ValueError:
        return False
