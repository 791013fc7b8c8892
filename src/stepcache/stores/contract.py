"""What every store promises. One suite (``tests/stores/suite.py``) checks it on each back end, unchanged.

All methods may raise ``StoreUnavailableError`` when the store cannot answer, and ``InputError`` for a key that is
not 64 lower-case hex digits, or for a text or number that cannot be stored. An operation whose answer was lost may
be repeated: it has one effect, and gives the same answer for as long as nobody else has changed the key since. Only
the store's own clock is compared; callers send durations in seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from stepcache.stores.claim import (
    Busy,
    Claim,
    Granted,
    Hit,
    Invalidated,
    KeyState,
    Lost,
    Published,
    Put,
    Released,
    Renewed,
)
from stepcache.stores.entry import UNLIMITED, Description, Entry, Record


class Store(Protocol):
    """Entries and claims (protocol.md, Operations)."""

    @property
    def url(self) -> str:
        """The address that opens this store again, without credentials."""

    async def lookup(self, key: str) -> Entry | None:
        """The entry of ``key``, fresh or not."""

    async def claim(  # noqa: PLR0913 - each is a word of the protocol
        self,
        key: str,
        claim_id: str,
        *,
        holder: str,
        lease: float,
        max_staleness: float = UNLIMITED,
        asked: float = 0.0,
        dead_holder: str | None = None,
    ) -> Hit | Granted | Busy:
        """Take the claim, then read the entry; give the claim back and answer Hit when the entry is fresh.

        A fresh entry is a Hit also while somebody else, who could not use it, holds the claim.

        Args:
            key: 64 lower-case hex digits.
            claim_id: 32 random hex digits made by the caller. Repeating a call with the id of a claim that is
                still held answers Granted again, with the same token and a new lease.
            holder: how the caller names itself to those who will wait.
            lease: seconds.
            max_staleness: the caller's own limit in seconds; see ``entry.is_fresh``.
            asked: seconds since the caller first asked; see ``entry.is_fresh``.
            dead_holder: take over a live lease if, and only if, its holder text is exactly this one: the caller
                has made sure that this holder and its step are gone.
        """

    async def renew(self, claim: Claim, *, lease: float, holder: str | None = None) -> Renewed | Lost:
        """Extend the lease to ``lease`` seconds from now; replace the holder's text when one is given.

        A claim whose lease has run out, and that nobody has taken over, is renewed.
        """

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        """Check the fence, store the entry and release the claim, in one transaction.

        An existing row is updated in place and keeps its ``id``. An expired lease that nobody took over still
        publishes, so that no work is lost.
        """

    async def release(self, claim: Claim, *, failure: str | None = None) -> Released | Lost:
        """Give the claim back. With ``failure``, count a failed execution and keep its description for waiters."""

    async def put(self, key: str, record: Record) -> Put:
        """Store without a claim: insert, or replace an entry that is stale by its own limit; else let it stand."""

    async def withdraw(self, key: str, published_by: str) -> bool:
        """Delete the entry of ``key`` if, and only if, ``published_by`` still published it. True if it did."""

    async def invalidate(self, key: str) -> Invalidated:
        """Withdraw the entry and revoke a running claim's right to store, in one transaction."""

    async def watch(self, keys: Collection[str]) -> Mapping[str, KeyState]:
        """The state of each of ``keys``, in one read."""

    async def describe(self, key: str) -> Description | None:
        """The description that was stored with the entry of ``key``; None without an entry."""

    async def count_hits(self, hits: Mapping[str, int]) -> None:
        """Add to the hit counts of entries and mark them as used now; keys without an entry are passed over."""

    async def settle(self, name: str, value: str) -> str:
        """Keep ``value`` under ``name`` if nothing is kept there yet; answer what is kept. For facts of the whole
        store, such as where its artifacts are.
        """

    async def settled(self, name: str) -> str | None:
        """What is kept under ``name``; None if nothing is."""

    async def duplicates(self) -> Sequence[tuple[str, int]]:
        """Every key that has more than one entry, and how many: the answer to ``duplicates.DUPLICATE_QUERY``."""

    async def close(self) -> None:
        """Let go of every connection and thread. Idempotent."""
