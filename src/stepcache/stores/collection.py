"""What garbage collection asks of a store: what was not used for long, what refers to what, and to delete it.

Every back end promises it; ``tests/stores/suite_collection.py`` checks it on each, unchanged. Methods may raise
what those of ``contract.Store`` may. All of them may be repeated, and be asked by several collectors at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stepcache.stores.unused import StoredOutput, UnusedEntry


class CollectingStore(Protocol):
    """A store that can be collected. Rows that other programs put beside ours, KFP's, are never touched."""

    async def least_used(
        self, *, resting: bool, after: tuple[int, int] | None = None, limit: int = 500
    ) -> Sequence[UnusedEntry]:
        """Entries that rest on others (``resting``), or those that do not, least recently used first, from
        behind the place ``after`` on, at most ``limit``.
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

    async def ended_runs(self, *, before: float, after: str = "", limit: int = 500) -> Mapping[str, int]:
        """The IDs, in order, of runs that ended before a moment of the engines' clocks, seconds since the epoch,
        and how many entries have their results from each; those behind ``after``, at most ``limit``.
        """

    async def collect_runs(self, run_ids: Collection[str], *, before: float) -> Sequence[str]:
        """Delete those of these runs that ended before the moment, their tasks and requests, in one transaction;
        the IDs of those that were there. A run that has not ended is spared.
        """
