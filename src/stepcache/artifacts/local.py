"""The artifact store on a local disk, or on any file system that is mounted here.

Below its root: ``objects/ab/abcd…``, each file under its digest, and ``objects/ab/abcd….dir`` likewise each
directory; ``proofs``, what verifications saw; ``scratch``, outputs in the making; ``pins``, what processes rely on;
``users``, which stores keep their outputs here; and the marker ``stepcache-artifacts.json``. A root without its
marker is a share that is not mounted, or the wrong place: "unavailable", never "missing" (protocol.md, Operations).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stepcache.artifacts import content, marker
from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.gate import Gate
from stepcache.artifacts.intake import rename, taken
from stepcache.artifacts.marker import MARKER
from stepcache.artifacts.pins import Pins, object_name
from stepcache.artifacts.proofs import Proofs, UnwrittenProofs, look_at
from stepcache.artifacts.scratch import Scratch, remove
from stepcache.artifacts.users import Users
from stepcache.errors import ArtifactStoreUnavailableError, InputError

if TYPE_CHECKING:
    from stepcache.artifacts.collection import ArtifactCollection

_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class LocalArtifactStore:
    """``artifacts.contract.ArtifactStore`` below a directory; what it promises is said there.

    Any number of threads and processes may use one root.
    """

    def __init__(self, root: Path, identity: str, *, read_only: bool = False) -> None:
        """Use the store at ``root`` (absolute) whose marker holds ``identity``; see ``open``.

        With ``read_only`` looking at it changes nothing; it is not to be asked to store or remove anything.
        """
        self.identity = identity
        """128 random bits in hex, made with the root: tells it from another directory at the same place."""
        self._root = root
        self._objects = root / "objects"
        self._proofs = (UnwrittenProofs if read_only else Proofs)(root / "proofs")
        self._scratch = Scratch(root / "scratch")
        self._gate = Gate(root / "pins")
        self._pins = Pins(root / "pins", self._gate)
        self._users = Users(root / "users")
        self._read_only = read_only

    @classmethod
    def open(cls, root: Path, identity: str | None = None, *, read_only: bool = False) -> Self:
        """Open the store at ``root``; with ``identity`` the one that is known by it, else make it if need be.

        Raises ArtifactStoreUnavailableError when the store that is known is not there or another one is in its
        place, and when none can be made; InputError for a directory that holds something else.
        """
        with _explained(root):
            found = marker.make(root) if identity is None else identity
        if found is None:
            raise _unmounted(root)
        store = cls(root, found, read_only=read_only)
        with _explained(root):
            store._check()
        return store

    @property
    def location(self) -> str:
        """See the contract."""
        return self._root.as_uri()

    def pin(self, artifacts: Iterable[Artifact], *, wait: bool = True) -> bool:
        """See the contract. A store that is only read pins nothing: nobody relies on what it tells."""
        if self._read_only:
            return True
        with _explained(self._root):
            if not self._pins.is_begun:
                self._check()  # nothing is made where no share is mounted
            return self._pins.pin(artifacts, wait=wait)

    def close(self) -> None:
        """See the contract."""
        self._pins.close()
        self._gate.close()

    def register(self, identity: str, url: str) -> None:
        """Note that the store of entries with this identity keeps its outputs here."""
        with _explained(self._root):
            self._users.register(identity, url)

    def collection(self) -> ArtifactCollection:
        """What is here, for who collects it."""
        from stepcache.artifacts.collection import ArtifactCollection

        return ArtifactCollection(self._root, self._gate, self._users, self._scratch, read_only=self._read_only)

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
        with self._working() as scratch, taken(path, scratch, self._root) as inside:
            return self._take(inside)

    def ingest_bytes(self, data: bytes) -> Artifact:
        """See the contract."""
        with self._working() as scratch:
            path = scratch / "content"
            path.write_bytes(data)
            return self._take(path)

    def path(self, artifact: Artifact) -> Path:
        """See the contract."""
        return self._objects / artifact.digest[:2] / object_name(artifact)

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

    def verify(self, artifact: Artifact, *, anew: bool = False) -> Verdict:
        """See the contract."""
        path = self.path(artifact)
        with _explained(self._root):
            try:
                look, changed, size = look_at(path, artifact.kind)
                if not anew and size == artifact.size and self._proofs.holds(artifact, look):
                    return Verdict.INTACT
                if anew:
                    content.drop_from_memory(path)
                moment = self._proofs.moment()
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
        self._proofs.keep(artifact, look, changed, moment)
        return Verdict.INTACT

    def remove(self, artifact: Artifact) -> bool:
        """See the contract."""
        with self._working() as scratch:
            try:
                rename(self.path(artifact), scratch / "removed")
            except FileNotFoundError:
                return False
            self._proofs.forget(artifact.digest)
            return True

    @contextmanager
    def _working(self) -> Iterator[Path]:
        """A scratch directory for the block."""
        with _explained(self._root):
            self._check()
            scratch = self._scratch.new()
            try:
                yield scratch
            finally:
                remove(scratch)

    def _take(self, path: Path) -> Artifact:
        """Move ``path``, which is ours alone, to its place among the objects.

        Race: two processes that store the same content. One rename puts it there whole; the second finds it, or
        replaces the file by the same bytes. A directory that is not empty cannot be replaced: then the first's
        stays, unless it is damaged (``test_many_processes_may_store_the_same_directory``).
        """
        artifact = content.describe(path)
        self._pins.pin((artifact,))
        if self.verify(artifact) is Verdict.INTACT:
            return artifact
        target = self.path(artifact)
        target.parent.mkdir(parents=True, exist_ok=True)
        _protect(path)
        while True:
            try:
                rename(path, target)
            except OSError as error:
                if error.errno not in _IN_THE_WAY:
                    raise
            else:
                if artifact.kind is Kind.DIRECTORY:
                    target.chmod(0o555)
                return artifact
            if self.verify(artifact) is Verdict.INTACT:
                return artifact
            with contextlib.suppress(FileNotFoundError):
                rename(target, path.parent / f"damaged-{secrets.token_hex(4)}")

    def _check(self) -> None:
        found = marker.read(self._root)
        if found is None:
            raise _unmounted(self._root)
        if found != self.identity:
            raise ArtifactStoreUnavailableError(
                f"{self._root} is another artifact store than the one that this cache's outputs are in",
                remedy="mount the right one there, or give the store that belongs to this one by --store",
            )


def _protect(path: Path) -> None:
    """Make the file, or everything in the directory, read-only; the directory itself has to be moved first."""
    if not path.is_dir():
        path.chmod(0o444)
        return
    for name, status in content.below(path):
        if not stat.S_ISLNK(status.st_mode):
            executable = stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IXUSR
            (path / os.fsdecode(name)).chmod(0o555 if executable else 0o444)


def _unmounted(root: Path) -> ArtifactStoreUnavailableError:
    return ArtifactStoreUnavailableError(
        f"the artifact store {root} is not there (it has no {MARKER})",
        remedy="mount it, or restore it; to begin anew, give a new --store and --artifacts",
    )


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or root
        raise ArtifactStoreUnavailableError(
            f"the artifact store {root} cannot be used: {error.strerror or error} ({place})",
            remedy="see that it is mounted, writable and not full",
        ) from error
