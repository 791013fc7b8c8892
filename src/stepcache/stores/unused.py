"""What garbage collection handles: entries that were not used for long, and what is asked about them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.entry import ArtifactReference
from stepcache.stores.standing import RESTING_TEMPLATE

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch
RESTING_PATTERN: Final = f"{RESTING_TEMPLATE}%"
"""What ``LIKE`` knows the entries by that rest on others."""
LIVE_STATES: Final = ("PENDING", "RUNNING", "CANCELING")
"""Of runs that have not ended."""


@dataclass(frozen=True, slots=True)
class UnusedEntry:
    """An entry as collection sees it at one moment."""

    key: str
    id: int
    published_by: str
    used_at: int
    """Milliseconds since the epoch, by the store's clock: the last hit that was written, else the publication."""
    unused_for: float
    """Seconds since then, by the store's clock."""
    pipeline: str
    component: str
    run_id: str
    """The run that the result is from."""
    artifacts: tuple[ArtifactReference, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """Where the entry is in the order of ``least_used``."""
        return self.used_at, self.id


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """What an entry holds, for who verifies it."""

    key: str
    id: int
    published_by: str
    output: str
    pipeline: str
    component: str
    task: str


def check_digests(digests: Collection[str]) -> None:
    """Raise InputError unless all are SHA-256 in lower-case hex."""
    for digest in digests:
        if _is_digest(digest) is None:
            raise InputError(f"{digest[:70]!r} is no digest", remedy="a digest is a SHA-256 in lower-case hex")


def milliseconds(seconds: float) -> int:
    """As stores count, and no more than any of them can."""
    return round(min(seconds, 1e14) * 1000)
