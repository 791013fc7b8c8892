"""What an environment holds, exactly."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from stepcache.light_dataclasses import dataclass

_PINNED = re.compile(r"(?P<name>[a-z0-9-]+)(?:==(?P<version>\S+)| @ (?P<url>\S+))(?: --hash=sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Lock:
    """One line for each distribution: ``name==version`` or ``name @ URL``, with the hash of the file, sorted.

    It names no index and holds no credentials. Two environments with equal locks hold the same files.
    """

    text: str
    digest: str = field(init=False)
    """SHA-256 of the text, in hex: the part of a step's key that names its packages."""

    def __post_init__(self) -> None:
        content = self.text.encode("utf-8", "surrogateescape")
        object.__setattr__(self, "digest", hashlib.sha256(content).hexdigest())

    @classmethod
    def of(cls, lines: Iterable[str]) -> Lock:
        """The lock of these lines, in any order."""
        return cls("\n".join(sorted(lines)))

    @property
    def lines(self) -> list[str]:
        """One for each distribution."""
        return self.text.splitlines()

    @property
    def distributions(self) -> Mapping[str, str]:
        """Normalised name and version of each; for what comes from a URL or path, that."""
        found = [_PINNED.match(line) for line in self.lines]
        return {one["name"]: one["version"] or one["url"] for one in found if one is not None}
