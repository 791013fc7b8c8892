"""Directory trees: what is in them, and making them read-only."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stepcache.light_dataclasses import dataclass

_VERSION_CONTROL = {".git", ".hg", ".svn"}
_BYTE_CODE = "__pycache__"
_WRITABLE = 0o222


@dataclass(frozen=True, slots=True)
class Summary:
    """What was in a tree: enough to notice that it was changed, without reading the files."""

    signature: str
    """SHA-256 over path, size and time of change of every file. Byte code, which Python may add, is left out."""
    files: int
    bytes: int


def summary(root: Path, ignored: str) -> Summary:
    """Look at every file below ``root`` except the one at its top called ``ignored``. Raises OSError."""
    lines = []
    size = 0
    for entry in _files(root):
        relative = os.path.relpath(entry.path, root)
        if relative == ignored:
            continue
        status = entry.stat(follow_symlinks=False)
        size += status.st_size
        if f"{os.sep}{_BYTE_CODE}{os.sep}" not in entry.path:
            lines.append(f"{relative}\0{status.st_size}\0{status.st_mtime_ns}")
    content = "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")
    return Summary(hashlib.sha256(content).hexdigest(), len(lines), size)


def content_digest(root: Path) -> str:
    """SHA-256 over path and content of every file below ``root``, byte code and version control aside."""
    digest = hashlib.sha256()
    for path in sorted(Path(entry.path) for entry in _files(root)):
        relative = path.relative_to(root)
        if not ({*relative.parts} & {*_VERSION_CONTROL, _BYTE_CODE}):
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            digest.update(f"{len(os.fsencode(relative))} {len(content)}\n".encode())
            digest.update(os.fsencode(relative) + content)
    return digest.hexdigest()


def make_read_only(root: Path) -> None:
    """Take away everyone's right to write to any file or directory below ``root``; ``root`` itself stays as it is.

    It keeps out accidents. A process of the superuser is not kept out. Raises OSError.
    """
    for directory, _, names in os.walk(root, topdown=False):
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITABLE)
        if directory != str(root):
            Path(directory).chmod(0o555)


def remove(root: Path) -> None:
    """Remove a tree, read-only or not; what cannot be removed stays."""
    for directory, _, _ in os.walk(root):
        with suppress(OSError):
            Path(directory).chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    pending = [str(root)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry
