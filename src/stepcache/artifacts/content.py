"""What a file or a directory holds, as one digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.links import leads_inside
from stepcache.errors import InputError

_HEADER = b"stepcache directory 1\0"
_REMEDY = "write regular files and directories, with relative links among them at most"


def describe(path: Path) -> Artifact:
    """The artifact that ``path`` is by its content now. Blocks while everything below it is read.

    A directory's digest is that of its manifest: header, then for each entry below it, sorted by the bytes of its
    relative path, fields that end with NUL: ``d`` and path; ``l``, path and target; ``f``, path, ``x`` or ``-``,
    size and SHA-256. No field can hold NUL, so different trees have different manifests.

    Raises InputError as ``check`` does, and OSError for what cannot be read.
    """
    if _is_directory(path):
        return _directory(path)
    digest, size = _hash(path)
    return Artifact(digest, size)


def check(path: Path) -> None:
    """Raise InputError for anything that is neither a regular file nor a directory, for a link that leads out of
    the directory or nowhere, for a file that this user may not read, and for such things below it; OSError for what
    cannot be looked at.
    """
    if not _is_directory(path):
        _check_readable(path)
        return
    for name, status in _checked(path):
        if stat.S_ISREG(status.st_mode):
            _check_readable(path / os.fsdecode(name))


def drop_from_memory(path: Path) -> None:
    """Have the system forget what it has in memory of the file or directory at ``path``, as far as it does so, so
    that the next reading is of the disk. Never raises.
    """
    with contextlib.suppress(OSError):
        files = [path] if not path.is_dir() else [path / os.fsdecode(name) for name, _ in below(path)]
        for file in files:
            if file.is_symlink() or not file.is_file():
                continue
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def below(root: Path) -> Iterator[tuple[bytes, os.stat_result]]:
    """The relative path and status of every entry below a directory, sorted by path, so that a directory comes
    before what is in it. Links are not followed.
    """
    top = os.fsencode(root) + b"/"
    found: list[tuple[bytes, os.stat_result]] = []
    pending = [b""]
    while pending:
        parent = pending.pop()
        with os.scandir(top + parent) as entries:
            for entry in entries:
                path = parent + entry.name
                found.append((path, entry.stat(follow_symlinks=False)))
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path + b"/")
    found.sort(key=lambda item: item[0])
    yield from found


def _is_directory(path: Path) -> bool:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _refused(path, mode)
    return stat.S_ISDIR(mode)


def _checked(root: Path) -> Iterator[tuple[bytes, os.stat_result]]:
    top = os.fsencode(root)
    for name, status in below(root):
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            if not leads_inside(top, name):
                link = root / os.fsdecode(name)
                raise InputError(
                    f"{link} is a link to {link.readlink()}, which is not inside {root} by a relative path",
                    remedy=_REMEDY,
                )
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise _refused(root / os.fsdecode(name), mode)
        yield name, status


def _check_readable(file: Path) -> None:
    if not os.access(file, os.R_OK, effective_ids=True):
        raise InputError(f"{file} may not be read by this user", remedy=_REMEDY)


def _directory(root: Path) -> Artifact:
    manifest = hashlib.sha256(_HEADER)
    total = 0
    for name, status in _checked(root):
        path = root / os.fsdecode(name)
        if stat.S_ISREG(status.st_mode):
            digest, size = _hash(path)
            total += size
            executable = b"x" if status.st_mode & stat.S_IXUSR else b"-"
            fields = [b"f", name, executable, b"%d" % size, digest.encode()]
        elif stat.S_ISDIR(status.st_mode):
            fields = [b"d", name]
        else:
            fields = [b"l", name, os.fsencode(os.readlink(path))]  # noqa: PTH115 - Path.readlink drops "./"
        manifest.update(b"".join(field + b"\0" for field in fields))
    return Artifact(manifest.hexdigest(), total, Kind.DIRECTORY)


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


def _refused(path: Path, mode: int) -> InputError:
    return InputError(f"{path} is {_kind(mode)} and cannot be stored", remedy=_REMEDY)


def _kind(mode: int) -> str:
    for name, test in (
        ("a socket", stat.S_ISSOCK),
        ("a named pipe", stat.S_ISFIFO),
        ("a device", stat.S_ISBLK),
        ("a device", stat.S_ISCHR),
        ("a link", stat.S_ISLNK),
    ):
        if test(mode):
            return name
    return "no regular file"
