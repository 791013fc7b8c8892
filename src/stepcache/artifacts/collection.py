"""An artifact store as garbage collection sees it: what is there, what is pinned, and the way out.

What goes is first renamed into ``scratch``, while the gate is closed, and deleted after that: who is killed on the
way leaves scratch of a dead process, which the next run removes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stepcache.artifacts.all_pins import AllPins
from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.content import below
from stepcache.artifacts.gate import Gate, NoLocksError
from stepcache.artifacts.intake import rename
from stepcache.artifacts.pins import object_name
from stepcache.artifacts.scratch import Scratch, remove
from stepcache.artifacts.users import Users
from stepcache.errors import ArtifactStoreUnavailableError, InputError
from stepcache.light_dataclasses import dataclass

_is_name = re.compile(r"([0-9a-f]{64})(\.dir)?").fullmatch
_IS_LEFTOVER_AFTER: Final = 86400.0
"""Seconds after which a file beside the proofs is of somebody who died while writing it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of the store."""

    digest: str
    kind: Kind
    path: Path

    @property
    def name(self) -> str:
        """As pins name it."""
        return self.path.name


class ArtifactCollection:
    """Objects, pins, users and leftovers below ``root``. Everything blocks, for a moment each.

    Raises ArtifactStoreUnavailableError when the store cannot be read or written.
    """

    def __init__(self, root: Path, gate: Gate, users: Users, scratch: Scratch, *, read_only: bool = False) -> None:
        self._root = root
        self._gate = gate
        self._users = users
        self._scratch = scratch
        self._pins = AllPins(root / "pins")
        self._read_only = read_only

    def check_locks(self) -> None:
        """Raise InputError where the file system has no flock: nobody can tell there what is in use."""
        try:
            with self._errors_explained(), self._gate.closed():
                return
        except NoLocksError as error:
            raise InputError(
                f"the file system of {self._root} has no file locks ({error}), so nothing tells which artifacts"
                " are in use, and none is deleted",
                remedy="collect entries alone by --entries-only; delete the artifact store when nothing uses it",
            ) from error

    def users(self) -> Mapping[str, str]:
        """The address of each store that keeps its outputs here, by its identity."""
        with self._errors_explained():
            return self._users.all()

    def user_file(self, identity: str) -> Path:
        """What says that the store of this identity keeps its outputs here."""
        return self._users.directory / identity

    def pages(self, size: int = 200) -> Iterator[list[StoredObject]]:
        """All objects, ``size`` at a time."""
        page: list[StoredObject] = []
        for path in self._paths():
            match = _is_name(path.name)
            if match is not None:
                page.append(StoredObject(match[1], Kind.DIRECTORY if match[2] else Kind.FILE, path))
            if len(page) == size:
                yield page
                page = []
        if page:
            yield page

    @contextmanager
    def closed(self) -> Iterator[set[str]]:
        """Within the block nobody pins. Yields the names of what is pinned."""
        if self._read_only:
            with self._errors_explained():
                yield self._pins.names()
            return
        with self._errors_explained(), self._gate.closed():
            yield self._pins.names()

    def new_directory(self) -> Path:
        """A directory to ``take_out`` into, of this process."""
        with self._errors_explained():
            return self._scratch.new()

    def take_out(self, found: StoredObject, directory: Path) -> Path | None:
        """Move an object out of the store, within ``closed``: where it is now; None if it was not there."""
        target = directory / f"{found.name}.{secrets.token_hex(4)}"
        with self._errors_explained():
            try:
                rename(found.path, target)
            except FileNotFoundError:
                return None
        return target

    def forget_proof(self, digest: str) -> None:
        """Remove what verifications saw of an object that is gone. It costs a reading if it is here again."""
        with contextlib.suppress(OSError):
            (self._root / "proofs" / digest[:2] / digest).unlink()

    def now(self) -> float:
        """The present by the file system's clock, in seconds; by this machine's where nothing may be written."""
        if self._read_only:
            return time.time()
        with self._errors_explained():
            probe = self._scratch.new()
            try:
                return probe.stat().st_ctime
            finally:
                remove(probe)

    def sweep_pins(self) -> int:
        """Remove the pins of dead processes; how many processes that were."""
        with self._errors_explained():
            now = self.now()
            with self._gate.closed():
                return self._pins.sweep(now)

    def sweep_proofs(self) -> int:
        """Remove the proofs of objects that are not there, and what was left of writing one; how many."""
        now, removed = self.now(), 0
        with contextlib.suppress(OSError):
            for path in [*(self._root / "proofs").glob("*/*"), *(self._root / "proofs").glob("moment.*")]:
                if self._is_needless(path, now):
                    with contextlib.suppress(OSError):
                        path.unlink()
                        removed += 1
        return removed

    def _is_needless(self, proof: Path, now: float) -> bool:
        if _is_name(proof.name) is None:
            with contextlib.suppress(OSError):
                return proof.stat().st_mtime < now - _IS_LEFTOVER_AFTER
            return False
        places = [
            self._root / "objects" / proof.name[:2] / object_name(Artifact(proof.name, 0, kind)) for kind in Kind
        ]
        return not any(os.path.lexists(place) for place in places)

    def _paths(self) -> Iterator[Path]:
        objects = self._root / "objects"
        with self._errors_explained():
            for directory in sorted(objects.iterdir()) if objects.exists() else ():
                if len(directory.name) == 2:
                    yield from sorted(directory.iterdir())

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactStoreUnavailableError(
                f"the artifact store {self._root} cannot be used: {error.strerror or error}"
                f" ({error.filename or self._root})",
                remedy="see that it is mounted, writable and not full",
            ) from error


def age(found: StoredObject, now: float) -> float:
    """Seconds since the object came to its place, or was last changed; 0 when it is not there."""
    try:
        return now - found.path.lstat().st_ctime
    except OSError:
        return 0.0


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a directory; as far as they can be seen."""
    try:
        if not path.is_dir():
            return path.lstat().st_size
        return sum(status.st_size for _, status in below(path) if stat.S_ISREG(status.st_mode))
    except OSError:
        return 0
