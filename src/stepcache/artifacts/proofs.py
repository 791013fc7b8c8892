"""What is kept of a verification, so that the next one need not read the bytes again.

A proof is the inode, size, mtime and ctime that a file had when its bytes were last known to be right; for a
directory, a hash over those of everything in it. The kernel sets ctime at every change of content, mode or name,
and no program can set it back, so an unchanged proof means unchanged bytes, bit rot of the disk aside.

A clock moves in ticks, and a change within the tick of the last one would not show. So a proof is kept only when
the file system's own clock had moved on between the last change and the reading. It is that clock that counts,
whatever its ticks, and not this machine's: on a share, it is another machine's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.content import below


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

    def moment(self) -> int:
        """The present by the file system's clock, in nanoseconds: the ctime of a new file. 0 where none can be
        made; then nothing can be proven.
        """
        probe = self._directory / f"moment.{secrets.token_hex(8)}"
        try:
            self._directory.mkdir(exist_ok=True)
            probe.touch(exist_ok=False)
            try:
                return probe.stat().st_ctime_ns
            finally:
                probe.unlink()
        except OSError:
            return 0

    def keep(self, artifact: Artifact, look: str, changed: int, moment: int) -> None:
        """Note that the bytes were right. ``look`` and ``changed``, the newest ctime, are from ``look_at``, and
        ``moment`` was taken before the bytes were read: what changes them later has a ctime that is not older.

        A proof that cannot be written costs another reading, nothing else.
        """
        if changed >= moment:
            return
        self._known[artifact.digest] = look
        path = self._path(artifact.digest)
        new = path.with_name(f"{artifact.digest}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(exist_ok=True)
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


class UnwrittenProofs(Proofs):
    """The proofs of a store that is only read: what is verified now, this process alone remembers."""

    def moment(self) -> int:
        """The beginning of time: nothing is asked of the file system."""
        return 0

    def keep(self, artifact: Artifact, look: str, changed: int, moment: int) -> None:  # noqa: ARG002 - as Proofs has it
        """Note that the bytes were right."""
        self._known[artifact.digest] = look

    def forget(self, digest: str) -> None:
        """The artifact is gone, or not what it was."""
        self._known.pop(digest, None)


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
