"""What every artifact store promises. All methods block; an event loop calls the slow ones in a thread.

Any method may raise ``ArtifactStoreUnavailableError``: the store cannot be read or written (no marker file, an
I/O error, no permission, no space). That is never reported as a missing artifact (protocol.md, Operations).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from stepcache.artifacts.artifact import Artifact, Verdict


class ArtifactStore(Protocol):
    """Content-addressed files and directories, read-only once stored; identical content is kept once."""

    @property
    def location(self) -> str:
        """The URI that names this store to every process that uses it."""

    def pin(self, artifacts: Iterable[Artifact], *, wait: bool = True) -> bool:
        """Keep ``artifacts`` from being collected until this store is closed, or its process dies: to be asked
        before it is looked whether they are there. What is ingested is pinned by that.

        Quick, and without ``wait`` never blocks: False, and nothing is pinned, where collection is in the way.
        """

    def close(self) -> None:
        """Let go of what is pinned. Idempotent; what is used after it is pinned anew."""

    def scratch(self) -> Path:
        """A new empty directory on the same file system, so that ``ingest`` can move out of it by rename."""

    def sweep(self) -> int:
        """Remove what dead processes of this host left of their ``scratch``; how many directories that were."""

    def ingest(self, path: Path) -> Artifact:
        """Move the file or directory at ``path`` into the store and make it read-only.

        By rename where possible; what is on another file system, has a second hard link or is named by a symbolic
        link is copied and removed; what is in the store already is copied and stays. On return the bytes are
        durable against the death of any process, under their digest; before, nobody sees any of them there. A
        file's executable bit is kept in a directory only.

        Raises ``InputError`` for what cannot be stored or taken from its place: a path that does not exist or may
        not be read, a socket or device, a symbolic link that leads out of the directory or nowhere. When it raises
        anything, ``path`` is still there.
        """

    def ingest_bytes(self, data: bytes) -> Artifact:
        """Store ``data`` as a file."""

    def path(self, artifact: Artifact) -> Path:
        """Where a stored artifact can be read. Not checked: ``verify`` first."""

    def exists(self, artifact: Artifact) -> bool:
        """Whether something of the artifact's kind, and a file of its size, is at its place. A quick look: False
        also when the store cannot be read, which ``verify`` tells.
        """

    def proven(self, artifact: Artifact) -> bool:
        """Whether the artifact is intact by a look at inode, size, mtime and ctime alone: they are unchanged since
        its bytes were last known to be right. False means "not known"; never hashes, always quick.
        """

    def verify(self, artifact: Artifact, *, anew: bool = False) -> Verdict:
        """Whether the bytes are there and are the bytes that were stored; hashes when that is not ``proven``, and
        with ``anew`` in any case what is on the disk, not what is left of it in memory.
        """

    def remove(self, artifact: Artifact) -> bool:
        """Delete a stored artifact; False if there was none."""
