"""What garbage collection asks of a store: what was not used for long, what refers to what, and to delete it.

Every back end promises it; ``tests/stores/suite_collection.py`` checks it on each, unchanged. Methods may raise
what those of ``contract.Store`` may. All of them may be repeated, and be asked by several collectors at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from stepcache.errors import InputError
from stepcache.stores.entry import ArtifactReference
from stepcache.stores.standing import RESTING_TEMPLATE

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch
START: Final = (-(2**62), 0)
"""The place before every entry."""
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


class CollectingStore(Protocol):
    """A store that can be collected. Rows that other programs put beside ours, KFP's, are never touched."""

    async def least_used(
        self, *, resting: bool, after: tuple[int, int] = START, limit: int = 500
    ) -> Sequence[UnusedEntry]:
        """Entries that rest on others (``resting``), or those that do not, least recently used first, from
        the place ``after`` on, at most ``limit``.
        """

    async def collect(self, entries: Sequence[UnusedEntry]) -> Sequence[UnusedEntry]:
        """Delete those of ``entries`` that still are what was looked at, in one transaction; answers these.

        Spared: an entry that somebody refreshed or used meanwhile (its ``published_by`` or ``used_at`` is another),
        and one whose key has a live claim.
        """

    async def reference_counts(self, digests: Collection[str]) -> Mapping[str, int]:
        """How many entries refer to each of ``digests``, in one read; those that none refers to are left out.

        Raises InputError for what is no digest.
        """

    async def referenced_size(self) -> int:
        """The bytes of all artifacts that entries refer to, each counted once."""

    async def stored_outputs(self, *, after: int = 0, limit: int = 200) -> Sequence[StoredOutput]:
        """Entries in the order of their IDs, from the one behind ``after`` on, at most ``limit``."""

    async def collect_details(self) -> int:
        """Delete what belongs to entries that another program has deleted; how many entries that were."""

    async def unused_claims(self, age: float) -> int:
        """How many claims ``collect_claims`` would delete."""

    async def collect_claims(self, age: float) -> int:
        """Delete the rows of claims that were given back, or whose leases ran out, more than ``age`` seconds ago;
        how many that were. Whoever claims such a key meanwhile keeps what was granted.
        """

    async def old_runs(self, *, finished_before: float, after: str = "", limit: int = 500) -> Sequence[str]:
        """The IDs, in order, of runs that ended before a moment of the engines' clocks, seconds since the epoch,
        and that no entry's result is from; those behind ``after``, at most ``limit``.
        """

    async def collect_runs(self, run_ids: Collection[str], *, finished_before: float) -> Sequence[str]:
        """Delete those of these runs that ended before the moment, their tasks and requests, in one transaction;
        the IDs of those that were there. A run that has not ended is spared.
        """


def check_digests(digests: Collection[str]) -> None:
    """Raise InputError unless all are SHA-256 in lower-case hex."""
    for digest in digests:
        if _is_digest(digest) is None:
            raise InputError(f"{digest[:70]!r} is no digest", remedy="a digest is a SHA-256 in lower-case hex")


def milliseconds(seconds: float) -> int:
    """As stores count, and no more than any of them can."""
    return round(min(seconds, 1e14) * 1000)
