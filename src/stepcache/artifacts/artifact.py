"""An artifact: bytes under the name of their own content."""

from __future__ import annotations

from enum import StrEnum

from stepcache.light_dataclasses import dataclass


class Kind(StrEnum):
    """What an artifact is on disk."""

    FILE = "file"
    DIRECTORY = "directory"


class Verdict(StrEnum):
    """What a verification found. An artifact store that cannot be read gives no verdict: it raises."""

    INTACT = "intact"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored file or directory.

    ``digest`` is the SHA-256 of a file's bytes, or of a directory's manifest (relative paths, executable bits,
    sizes and digests of its files, sorted), in lower-case hex; ``size`` is in bytes, a directory's the sum.
    """

    digest: str
    size: int
    kind: Kind = Kind.FILE
