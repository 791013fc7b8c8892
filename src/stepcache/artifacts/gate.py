"""The gate of an artifact store: open while artifacts come into use, closed while what nobody uses is moved out.

It is flock(2) on one file: shared by who pins, for microseconds; exclusive for who collects, for milliseconds. The
kernel lets go of it when its holder dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stepcache.errors import ArtifactStoreUnavailableError

PATIENCE: Final = 30.0
"""Seconds for which the gate is waited for. Only a holder that was stopped keeps it so long."""
_PAUSE: Final = 0.001
_NO_LOCKS: Final = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class NoLocksError(Exception):
    """The file system of the artifact store has no flock."""


class Gate:
    """The gate below ``directory``, as one process uses it. Any thread may; they come one after the other."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "gate"
        self._lock = threading.Lock()
        self._descriptor = -1
        self._process = 0
        self._close: Callable[[], object] = _nothing

    def close(self) -> None:
        """Let go of its file, which is opened again when it is needed. Not to be called while the gate is held."""
        with self._lock:
            self._process = 0
            self._close()

    @contextmanager
    def passed(self, *, wait: bool) -> Iterator[bool]:
        """Within the block nobody collects. True; without ``wait`` False where somebody is in the way.

        Raises NoLocksError, ArtifactStoreUnavailableError when the gate stays closed, and OSError.
        """
        with self._held(fcntl.LOCK_SH, PATIENCE if wait else 0) as is_held:
            yield is_held

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Within the block nobody pins: what is not pinned at its beginning is not until its end.

        Raises as ``passed`` does.
        """
        with self._held(fcntl.LOCK_EX, PATIENCE):
            yield

    @contextmanager
    def _held(self, kind: int, patience: float) -> Iterator[bool]:
        deadline = time.monotonic() + patience
        if not self._lock.acquire(timeout=patience) if patience else not self._lock.acquire(blocking=False):
            if patience:
                raise self._stuck()
            yield False
            return
        try:
            descriptor = self._open()
            while not _taken(descriptor, kind):
                if not patience:
                    yield False
                    return
                if time.monotonic() > deadline:
                    raise self._stuck()
                time.sleep(_PAUSE)
            try:
                yield True
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def _open(self) -> int:
        """The descriptor, this process's own: a lock belongs to what a forked child would share."""
        if self._process != os.getpid():
            self._path.parent.mkdir(exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._process = os.getpid()
            self._close = weakref.finalize(self, _close, self._descriptor, self._process)
        return self._descriptor

    def _stuck(self) -> ArtifactStoreUnavailableError:
        return ArtifactStoreUnavailableError(
            f"the artifact store has been closed for {PATIENCE:g} seconds: somebody holds the lock of {self._path}",
            remedy="see whether a stepcache gc was stopped in the middle; when it goes on, or ends, so does this",
        )


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise NoLocksError(error.strerror) from error
        raise
    return True


def _nothing() -> None:
    pass


def _close(descriptor: int, process: int) -> None:
    if process == os.getpid():
        os.close(descriptor)
