"""Taking a path over, so that nobody else has a name for it any more; and giving it back when it was not stored."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepcache.artifacts import content
from stepcache.artifacts.scratch import remove
from stepcache.errors import InputError

_UNREADABLE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG)
_IMMOVABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EINVAL)
_REMEDY = "give a path that this user may move, such as one in a new temporary directory"


@contextmanager
def taken(path: Path, scratch: Path, root: Path) -> Iterator[Path]:
    """Within the block: where the content of ``path`` is, in ``scratch``, a new directory of the store at ``root``.

    It was moved there by rename. What is on another file system, has another name (a hard link) or is named by a
    symbolic link was copied, and is removed when the block has succeeded; what is in the store already was copied
    and stays. When the block fails, what was moved goes back to its place.

    Raises InputError, with ``path`` as it was, for what cannot be stored or not be taken from its place; OSError
    for what is the store's fault.
    """
    source = _resolved(path)
    store = root.resolve()
    if store.is_relative_to(source):
        raise InputError(f"{path} holds the artifact store itself", remedy=_REMEDY)
    _check(source)
    inside = scratch / "content"
    if source.is_relative_to(store) and not source.is_relative_to(scratch.parent.resolve()):
        _copy(source, inside)
        yield inside
    elif not path.is_symlink() and not _has_another_name(source) and _move(path, inside):
        try:
            _separate(inside)
            yield inside
        except BaseException:
            with contextlib.suppress(OSError):
                rename(inside, path)
            raise
    else:
        if not os.access(path.absolute().parent, os.W_OK | os.X_OK, effective_ids=True):
            raise InputError(f"{path} may not be removed from its directory", remedy=_REMEDY)
        _copy(source, inside)
        yield inside
        remove(path)


def rename(source: Path, target: Path) -> None:
    """Rename, over a file or an empty directory at ``target``. A directory has to be writable for it, as its ``..``
    changes, and is made so.
    """
    mode = source.lstat().st_mode
    if stat.S_ISDIR(mode) and not mode & stat.S_IWUSR:
        source.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
    source.rename(target)


def _resolved(path: Path) -> Path:
    try:
        path.stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "does not exist" if missing else f"cannot be read: {getattr(error, 'strerror', error)}"
        raise InputError(f"{path} {reason}", remedy="give the path of a file or directory") from error
    return path.resolve()


def _check(source: Path) -> None:
    try:
        content.check(source)
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        place = os.fsdecode(error.filename or source).rstrip("/")
        raise InputError(f"{place} cannot be read: {error.strerror}", remedy=_REMEDY) from error


def _has_another_name(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def _move(path: Path, inside: Path) -> bool:
    """False when it is on another file system."""
    try:
        rename(path, inside)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        if error.errno in _IMMOVABLE:
            raise InputError(f"{path} cannot be moved: {error.strerror}", remedy=_REMEDY) from error
        raise
    return True


def _copy(source: Path, target: Path) -> None:
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for name, status in content.below(source):
        original, copy = source / os.fsdecode(name), target / os.fsdecode(name)
        if stat.S_ISDIR(status.st_mode):
            copy.mkdir()
        elif stat.S_ISLNK(status.st_mode):
            copy.symlink_to(os.readlink(original))  # noqa: PTH115 - Path.readlink drops "./"
        else:
            shutil.copyfile(original, copy)
            if status.st_mode & stat.S_IXUSR:
                copy.chmod(0o755)


def _separate(path: Path) -> None:
    """Replace every file below ``path`` that has another name by a copy: a write to that name would change it."""
    if not path.is_dir():
        return
    for name, status in content.below(path):
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            file = path / os.fsdecode(name)
            copy = path.parent / "copy"
            shutil.copyfile(file, copy)
            copy.chmod(stat.S_IMODE(status.st_mode))
            file.parent.chmod(0o755)
            copy.replace(file)
