"""A mount namespace of a step's own: directories at paths where the host has something else, or nothing.

Nothing of it is seen outside the step, and nothing on the host is made, changed or removed. Root needs no more than
``unshare(2)``; anyone else gets a user namespace too, in which the step keeps its own user and group. Where a path
does not exist, a file system in memory is laid over the nearest directory above it that does, and what is in that
directory is bound back into its place, so that the step finds everything where it was.

Imports the standard library only: it runs between fork and exec, in a process with one thread.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from stepcache.light_dataclasses import dataclass

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x2, 0x4, 0x8
_MNT_DETACH = 2
_KEPT = {  # what statvfs(3) says of a mount, and how mount(2) asks for it: a remount may not drop any of these
    os.ST_NOSUID: _MS_NOSUID,
    os.ST_NODEV: _MS_NODEV,
    os.ST_NOEXEC: _MS_NOEXEC,
    os.ST_NOATIME: 0x400,
    os.ST_NODIRATIME: 0x800,
    os.ST_RELATIME: 0x200000,
}
_RESERVED = ("/dev", "/proc", "/sys")
_LIBC = ctypes.CDLL(None, use_errno=True)


class MountError(Exception):
    """A directory could not be put at its path. ``str()`` is one sentence that names the path."""


@dataclass(frozen=True, slots=True)
class DirectoryMount:
    """A directory of the host at another path. What the step writes there is written there."""

    target: str
    source: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class FilesMount:
    """Read-only files in memory: their content never reaches a disk, swap space aside."""

    target: str
    files: Mapping[str, bytes]


Mount = DirectoryMount | FilesMount


def problems(mounts: Iterable[Mount], needed: Iterable[str]) -> list[str]:
    """Why these mounts cannot be, a sentence for each; none when they can.

    ``needed`` are directories that the step must go on seeing, such as its own and its Python's.
    """
    found, seen = [], set()
    for mount in mounts:
        target = os.path.normpath(mount.target)
        if not mount.target.startswith("/") or ".." in mount.target.split("/"):
            found.append(f"the mount path '{mount.target}' is no absolute path")
        elif target == "/" or target in _RESERVED:
            found.append(f"nothing can be mounted at '{mount.target}' on the host")
        elif target in seen:
            found.append(f"the mount path '{mount.target}' is used twice")
        else:
            real = os.path.realpath(target)
            hidden = [path for path in needed if os.path.commonpath([os.path.realpath(path), real]) == real]
            found += [f"a mount at '{mount.target}' would hide {path}" for path in dict.fromkeys(hidden)]
        seen.add(target)
    return found


def is_in_place(mount: Mount) -> bool:
    """Whether the directory already is what its path leads to, so that nothing is to be mounted."""
    return isinstance(mount, DirectoryMount) and os.path.realpath(mount.source) == os.path.realpath(mount.target)


def enter(mounts: Sequence[Mount], stage: str) -> None:
    """Put the calling process into a mount namespace in which ``mounts`` are in place.

    ``stage`` is an existing directory, shadowed for a moment. The working directory stays the same path. Raises
    MountError; the process is then in a half-made namespace, and should end.
    """
    directory = os.getcwd()  # noqa: PTH109 (pathlib would double this program's start-up)
    _unshare()
    ordered = sorted(mounts, key=lambda mount: os.path.normpath(mount.target).count("/"))
    opened: set[str] = set()
    if any(_nearest(os.path.normpath(mount.target)) == "/" for mount in ordered):
        _open_root(stage)
        opened.add("/")
    sources = {mount: _open(mount) for mount in ordered if isinstance(mount, DirectoryMount)}
    done: list[str] = []
    for mount in ordered:
        target = os.path.normpath(mount.target)
        _make_place(target, done, opened)
        if isinstance(mount, DirectoryMount):
            _bind(f"/proc/self/fd/{sources[mount]}", target, mount.read_only)
        else:
            _write_files(target, mount.files)
        done.append(target)
    for descriptor in sources.values():
        os.close(descriptor)
    os.chdir(directory)


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    alone = user == 0 and _LIBC.unshare(_CLONE_NEWNS) == 0
    if not alone:
        if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
            raise MountError(f"this machine gives a step no mounts of its own ({_reason()})")
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in maps.items():
            try:
                _write(f"/proc/self/{name}", text.encode())
            except OSError as error:
                raise MountError(f"this machine gives a step no mounts of its own ({error.strerror})") from error
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)


def _open(mount: DirectoryMount) -> int:
    try:
        return os.open(mount.source, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise MountError(f"cannot mount {mount.source} at {mount.target}: {error.strerror}") from error


def _nearest(path: str) -> str:
    """The nearest existing path at or above ``path``."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120 (see above)
    return path


def _make_place(target: str, done: list[str], opened: set[str]) -> None:
    """See that ``target`` is a directory. What is missing is made in one of ``done``, or else in memory."""
    existing = _nearest(target)
    ours = existing in opened or any(f"{existing}/".startswith(f"{mounted}/") for mounted in done)
    if existing != target and not ours:
        _open_up(existing)
        opened.add(existing)
    try:
        os.makedirs(target, exist_ok=True)  # noqa: PTH103 (see above)
    except OSError as error:
        raise MountError(f"cannot make a place to mount at {target}: {error.strerror}") from error


def _open_up(directory: str) -> None:
    """Lay a file system in memory over ``directory`` and bind what was in it back into its place."""
    if not os.path.isdir(directory):  # noqa: PTH112 (see above)
        raise MountError(f"nothing can be mounted below {directory}, which is no directory")
    old = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    mode = stat.S_IMODE(os.fstat(old).st_mode)
    names = os.listdir(old)  # noqa: PTH208 (pathlib lists no descriptor)
    _mount("tmpfs", directory, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={mode:o}")
    _bind_back(f"/proc/self/fd/{old}", directory, names)
    os.close(old)


def _open_root(stage: str) -> None:
    """Make a new root in memory with everything that is in the old one, and change to it."""
    mode = stat.S_IMODE(os.stat("/").st_mode)  # noqa: PTH116 (see above)
    _mount("tmpfs", stage, "tmpfs", 0, "mode=755")
    for name in ("old", "new"):
        os.mkdir(f"{stage}/{name}")  # noqa: PTH102 (see above)
    _pivot(stage, f"{stage}/old")
    _mount("tmpfs", "/new", "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={mode:o}")
    _bind_back("/old", "/new", os.listdir("/old"))  # noqa: PTH208 (see above)
    os.chdir("/new")
    _pivot(".", ".")
    if _LIBC.umount2(b".", _MNT_DETACH) != 0:
        raise MountError(f"cannot let go of the old root ({_reason()})")
    os.chdir("/")


def _pivot(new: str, old: str) -> None:
    os.chdir(new)
    if _LIBC.syscall(ctypes.c_long(_pivot_root_number()), new.encode(), old.encode()) != 0:
        raise MountError(f"cannot change to a new root ({_reason()})")
    if new != ".":
        os.chdir("/")


def _pivot_root_number() -> int:
    """Its number: the C library has no function for pivot_root(2)."""
    machine = os.uname().machine
    if machine == "x86_64":
        return 155
    if machine in ("aarch64", "riscv64", "loongarch64"):  # the table that newer architectures share
        return 41
    raise MountError(f"mounting at the top of the file system is not known to work on {machine}")


def _bind_back(old: str, new: str, names: Iterable[str]) -> None:
    for name in names:
        source, target = f"{old}/{name}", f"{new}/{name}"
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211 (see above)
            continue
        if stat.S_ISDIR(mode):
            os.mkdir(target, 0o755)  # noqa: PTH102 (see above)
        else:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _mount(source, target, None, _MS_BIND | _MS_REC)


def _bind(source: str, target: str, read_only: bool) -> None:
    _mount(source, target, None, _MS_BIND | _MS_REC)
    if read_only:
        _make_read_only(target)


def _make_read_only(target: str) -> None:
    flags = os.statvfs(target).f_flag
    kept = sum(asked for said, asked in _KEPT.items() if flags & said)
    _mount(None, target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)


def _write_files(target: str, files: Mapping[str, bytes]) -> None:
    _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "mode=755")
    for name, content in files.items():
        try:
            _write(f"{target}/{name}", content)
        except OSError as error:
            raise MountError(f"cannot write {target}/{name}: {error.strerror}") from error
    _make_read_only(target)


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    if _LIBC.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]) != 0:
        raise MountError(f"cannot mount at {target} ({_reason()})")


def _reason() -> str:
    return os.strerror(ctypes.get_errno())
