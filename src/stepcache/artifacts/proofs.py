"""What is kept of a verification, so that the next one need not read the bytes again.

A proof is the inode, size, mtime and ctime that a file had when its bytes were last known to be right; for a
directory, a hash over those of everything in it. The kernel sets ctime at every change of content, mode or name,
and no program can set it back, so an unchanged proof means unchanged bytes, bit rot of the disk aside.

The kernel's clock for ctime moves in ticks of up to ten milliseconds: a change within the tick of the reading would
not show. A file whose ctime is that young is not proven by it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import time
from pathlib import Path

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.content import below

_TICK = 50_000_000  # nanoseconds, generously


class Proofs:
    """The proofs of one artifact store: one small file each, and a copy in memory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, str] = {}

    def holds(self, artifact: Artifact, look: str) -> bool:
        """Whether ``look``, by ``look_at``, is what a verification of ``artifact`` saw."""
        known = self._known.get(artifact.digest)
        if known != look:
            try:
                known = self._path(artifact.digest).read_text(encoding="ascii")
            except (OSError, ValueError):
                return False
            self._known[artifact.digest] = known
        return known == look

    def keep(self, artifact: Artifact, look: str, changed: int) -> None:
        """Note that the bytes were right; ``changed`` is the newest ctime, in nanoseconds, and they were read after
        ``look`` was taken. A proof that cannot be written costs another reading, nothing else.
        """
        if time.time_ns() - changed < _TICK:
            return
        self._known[artifact.digest] = look
        path = self._path(artifact.digest)
        new = path.with_name(f"{artifact.digest}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(look, encoding="ascii")
            new.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()

    def forget(self, digest: str) -> None:
        """The artifact is gone, or not what it was."""
        self._known.pop(digest, None)
        with contextlib.suppress(OSError):
            self._path(digest).unlink()

    def _path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest


def look_at(path: Path, kind: Kind) -> tuple[str, int, int]:
    """A text that changes whenever what is at ``path`` does, the newest ctime in it, and the size in bytes.

    Raises FileNotFoundError, and NotADirectoryError or IsADirectoryError for another kind.
    """
    status = os.lstat(path)
    if kind is Kind.FILE:
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(path)
        return _text(status), status.st_ctime_ns, status.st_size
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(path)
    everything = hashlib.sha256(_text(status).encode())
    newest, total = status.st_ctime_ns, 0
    for name, inner in below(path):
        everything.update(b"%b\0%b\0" % (name, _text(inner).encode()))
        newest = max(newest, inner.st_ctime_ns)
        total += inner.st_size if stat.S_ISREG(inner.st_mode) else 0
    return everything.hexdigest(), newest, total


def _text(status: os.stat_result) -> str:
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
