"""What the processes that use an artifact store rely on, so that collection leaves it alone.

Each process has one file below ``pins``, locked by flock(2) for as long as it lives, in which it notes every
artifact that it stores, or takes from a hit, *before* it looks whether that is there. It notes at the open gate,
and who collects looks at the closed one: so what collection finds unpinned stays so until it is moved out, and who
pins it later finds that it is gone, and makes it again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import weakref
from collections.abc import Iterable
from pathlib import Path

from stepcache import processes
from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.gate import Gate, NoLocksError


def object_name(artifact: Artifact) -> str:
    """The name of an artifact's object, kind included: a file can hold the very bytes of a directory's manifest."""
    return f"{artifact.digest}.dir" if artifact.kind is Kind.DIRECTORY else artifact.digest


class Pins:
    """The pins of this process: each artifact is noted once. Safe in any thread; a forked child begins its own."""

    def __init__(self, directory: Path, gate: Gate) -> None:
        self._directory = directory
        self._gate = gate
        self._file: _PinFile | None = None
        self._process = os.getpid()
        self._pinned: set[str] = set()

    @property
    def is_begun(self) -> bool:
        """Whether this process has pinned anything."""
        return self._file is not None

    def pin(self, artifacts: Iterable[Artifact], *, wait: bool = True) -> bool:
        """Note ``artifacts``, all of them or, without ``wait`` when collection is in the way, none: then False.

        Three system calls for those that are new; none for others. Where the file system has no flock nothing is
        noted, nor is anything collected there. Raises OSError, and ArtifactStoreUnavailableError.
        """
        if self._process != os.getpid():
            self._file, self._process, self._pinned = None, os.getpid(), set()
        new = [name for name in map(object_name, artifacts) if name not in self._pinned]
        if not new:
            return True
        try:
            with self._gate.passed(wait=wait) as is_open:
                if not is_open:
                    return False
                if self._file is None:
                    self._file = _PinFile(self._directory, self)
                # Begins with the end of a line, for one that could not be written to its end.
                self._file.append("\n".join(["", *new, ""]).encode())
        except NoLocksError:
            pass
        self._pinned.update(new)
        return True

    def close(self) -> None:
        """Rely on nothing any more. Idempotent."""
        file, self._file, self._pinned = self._file, None, set()
        if file is not None:
            file.remove()


class _PinFile:
    """A new pin file of this process, locked until ``remove``, the owner's end, or the process's.

    To be made at the open gate: nobody looks at it before it is locked.
    """

    def __init__(self, directory: Path, owner: Pins) -> None:
        self.process = os.getpid()
        self.path = directory / f"{boot()}.{self.process}.{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(self.path, flags, 0o666)
        self.remove = weakref.finalize(owner, _remove, self.path, self.descriptor, self.process)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        except OSError:
            self.remove()
            raise

    def append(self, data: bytes) -> None:
        """Raises OSError when not all of it could be written."""
        if os.write(self.descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def _remove(path: Path, descriptor: int, process: int) -> None:
    if process == os.getpid():  # the descriptor of a forked child is a copy, and the pins are its parent's
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def boot() -> str:
    """A name for the running kernel, which all containers on it share; empty where it cannot be told."""
    host = processes.this_host()
    return "" if host is None else host.boot_id.replace(".", "")
