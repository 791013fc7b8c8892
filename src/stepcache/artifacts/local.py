"""The artifact store on a local disk, or on any file system that is mounted here.

Below its root: ``objects/ab/abcd…``, each file or directory under its digest; ``proofs``, what verifications saw;
``scratch``, outputs in the making; and the marker ``stepcache-artifacts.json``. A root without its marker is a
share that is not mounted, or the wrong place: "unavailable", never "missing" (protocol.md, Operations).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from stepcache.artifacts import content
from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.proofs import Proofs, look_at
from stepcache.artifacts.scratch import Scratch, remove
from stepcache.errors import ArtifactStoreUnavailableError, InputError

MARKER = "stepcache-artifacts.json"
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


class LocalArtifactStore:
    """``artifacts.contract.ArtifactStore`` below a directory; what it promises is said there.

    Any number of threads and processes may use one root.
    """

    def __init__(self, root: Path, identity: str) -> None:
        """Use the store at ``root`` (absolute) whose marker holds ``identity``; see ``open``."""
        self.identity = identity
        """128 random bits in hex, made with the root: tells it from another directory at the same place."""
        self._root = root
        self._objects = root / "objects"
        self._proofs = Proofs(root / "proofs")
        self._scratch = Scratch(root / "scratch")

    @classmethod
    def open(cls, root: Path, identity: str | None = None) -> Self:
        """Open the store at ``root``; with ``identity`` the one that is known by it, else make it if need be.

        Raises ArtifactStoreUnavailableError when the store that is known is not there or another one is in its
        place, and when none can be made; InputError for a directory that holds something else.
        """
        with _explained(root):
            found = _read_marker(root)
            if found is None and identity is None:
                found = _make(root)
        if found is None:
            raise _unmounted(root)
        if identity is not None and found != identity:
            raise ArtifactStoreUnavailableError(
                f"{root} is another artifact store than the one that this cache's outputs are in",
                remedy="mount the right one there, or give the store that belongs to this one by --store",
            )
        return cls(root, found)

    @property
    def location(self) -> str:
        """See the contract."""
        return self._root.as_uri()

    def scratch(self) -> Path:
        """See the contract."""
        with _explained(self._root):
            self._check()
            return self._scratch.new()

    def sweep(self) -> int:
        """See the contract."""
        with _explained(self._root):
            return self._scratch.sweep()

    def ingest(self, path: Path) -> Artifact:
        """See the contract."""
        if not path.exists():
            raise InputError(f"{path} does not exist", remedy="give the path of a file or directory")
        with _explained(self._root):
            self._check()
            scratch = self._scratch.new()
            try:
                return self._take(_own(path, scratch))
            finally:
                remove(scratch)

    def ingest_bytes(self, data: bytes) -> Artifact:
        """See the contract."""
        with _explained(self._root):
            self._check()
            scratch = self._scratch.new()
            try:
                path = scratch / "content"
                path.write_bytes(data)
                return self._take(path)
            finally:
                remove(scratch)

    def path(self, artifact: Artifact) -> Path:
        """See the contract."""
        return self._objects / artifact.digest[:2] / artifact.digest

    def exists(self, artifact: Artifact) -> bool:
        """See the contract."""
        try:
            status = self.path(artifact).lstat()
        except OSError:
            return False
        if artifact.kind is Kind.DIRECTORY:
            return stat.S_ISDIR(status.st_mode)
        return stat.S_ISREG(status.st_mode) and status.st_size == artifact.size

    def proven(self, artifact: Artifact) -> bool:
        """See the contract. A directory is never proven by a quick look: everything in it would have to be seen."""
        if artifact.kind is Kind.DIRECTORY:
            return False
        try:
            look, _, size = look_at(self.path(artifact), artifact.kind)
        except OSError:
            return False
        return size == artifact.size and self._proofs.holds(artifact, look)

    def verify(self, artifact: Artifact) -> Verdict:
        """See the contract."""
        path = self.path(artifact)
        with _explained(self._root):
            try:
                look, changed, size = look_at(path, artifact.kind)
                if size == artifact.size and self._proofs.holds(artifact, look):
                    return Verdict.INTACT
                intact = size == artifact.size and content.describe(path) == artifact
            except (IsADirectoryError, NotADirectoryError, InputError):
                self._check()
                return Verdict.ALTERED
            except FileNotFoundError:
                self._check()  # else it is the store that is missing
                return Verdict.MISSING
        if not intact:
            self._proofs.forget(artifact.digest)
            return Verdict.ALTERED
        self._proofs.keep(artifact, look, changed)
        return Verdict.INTACT

    def remove(self, artifact: Artifact) -> bool:
        """See the contract."""
        path = self.path(artifact)
        with _explained(self._root):
            self._check()
            scratch = self._scratch.new()
            try:
                _rename(path, scratch / "removed")
            except FileNotFoundError:
                return False
            finally:
                remove(scratch)
            self._proofs.forget(artifact.digest)
            return True

    def _take(self, path: Path) -> Artifact:
        """Move ``path``, which is ours alone, to its place among the objects."""
        _protect(path)
        artifact = content.describe(path)
        target = self.path(artifact)
        target.parent.mkdir(parents=True, exist_ok=True)
        if artifact.kind is Kind.DIRECTORY:
            self._take_directory(path, artifact, target)
        elif self.verify(artifact) is not Verdict.INTACT:
            path.replace(target)  # over a damaged one, too
        return artifact

    def _take_directory(self, path: Path, artifact: Artifact, target: Path) -> None:
        """Race: two processes that store the same directory. A rename onto a directory that is not empty fails, so
        the second finds the first's and keeps that, unless it is damaged
        (``test_many_processes_may_store_the_same_directory``).
        """
        while True:
            try:
                _rename(path, target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            else:
                return
            if self.verify(artifact) is Verdict.INTACT:
                return
            with contextlib.suppress(FileNotFoundError):
                _rename(target, path.parent / f"damaged-{secrets.token_hex(4)}")

    def _check(self) -> None:
        if _read_marker(self._root) is None:
            raise _unmounted(self._root)


def _read_marker(root: Path) -> str | None:
    try:
        document = json.loads((root / MARKER).read_bytes())
        return str(document["id"])
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactStoreUnavailableError(f"{root / MARKER} is damaged: {error}") from error


def _make(root: Path) -> str:
    """Race: two processes that make one root. The marker is linked into place, which only one of them can do, and
    the other reads that (``test_many_processes_may_create_a_root_at_once``).
    """
    root.mkdir(parents=True, exist_ok=True)
    strangers = [path.name for path in root.iterdir() if not path.name.startswith(f"{MARKER}.")]
    found = _read_marker(root)
    if found is None and strangers:
        raise InputError(
            f"{root} is no artifact store and is not empty (it holds {min(strangers)})",
            remedy="give an empty or new directory by --artifacts",
        )
    new = root / f"{MARKER}.{secrets.token_hex(8)}"
    new.write_text(json.dumps({"version": 1, "id": secrets.token_hex(16)}) + "\n", encoding="ascii")
    with contextlib.suppress(FileExistsError):
        (root / MARKER).hardlink_to(new)
    new.unlink()
    return _read_marker(root) or ""


def _own(path: Path, scratch: Path) -> Path:
    """``path`` moved into ``scratch``, so that nobody has it any more; what has other names too is copied."""
    inside = scratch / "content"
    linked = path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1)
    if not linked:
        try:
            _rename(path, inside)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            _unlink_names(inside)
            return inside
    if path.is_dir():
        shutil.copytree(path, inside, symlinks=True)
    else:
        shutil.copyfile(path, inside)
    remove(path)
    return inside


def _unlink_names(path: Path) -> None:
    """Replace every file below ``path`` that has another name by a copy: a write to that name would change it."""
    if not path.is_dir():
        return
    for name, status in content.below(path):
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            file = path / os.fsdecode(name)
            copy = path.parent / "copy"
            shutil.copy2(file, copy)
            copy.replace(file)


def _protect(path: Path) -> None:
    """Make the file, or everything in the directory, read-only; the directory itself has to be moved first."""
    if not path.is_dir():
        path.chmod(0o444)
        return
    for name, status in content.below(path):
        if not stat.S_ISLNK(status.st_mode):
            executable = stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IXUSR
            (path / os.fsdecode(name)).chmod(0o555 if executable else 0o444)


def _rename(source: Path, target: Path) -> None:
    """Rename; a directory is made writable for it, as its ``..`` changes, and read-only among the objects."""
    is_directory = stat.S_ISDIR(source.lstat().st_mode)
    if is_directory:
        source.chmod(0o755)
    source.rename(target)
    if is_directory:
        target.chmod(0o555)


def _unmounted(root: Path) -> ArtifactStoreUnavailableError:
    return ArtifactStoreUnavailableError(
        f"the artifact store {root} is not there (it has no {MARKER})",
        remedy="mount it, or restore it; to begin anew, give a new --store and --artifacts",
    )


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or root
        raise ArtifactStoreUnavailableError(
            f"the artifact store {root} cannot be used: {error.strerror or error} ({place})",
            remedy="see that it is mounted, writable and not full",
        ) from error
