"""A claim: the right to execute one key, held by at most one holder at a time (protocol.md, P2 and P3).

The operations of a store answer with the values below. Losing a race is one of them, never an exception.
"""

from __future__ import annotations

from stepcache.light_dataclasses import dataclass
from stepcache.stores.entry import Entry


@dataclass(frozen=True, slots=True)
class Claim:
    """The fence. Every write of a holder names all three; a store changes nothing when one does not match."""

    key: str
    claim_id: str
    """128 random bits as 32 lower-case hex digits; new at every grant."""
    token: int
    """The fencing token: rises at every grant of the key."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The entry is fresh for this caller. No claim is held."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Granted:
    """The caller holds the claim and shall execute, renew, and publish or release."""

    claim: Claim
    lease: float
    """Seconds from the moment the request was sent until the claim may be taken over."""
    stale: Entry | None
    """The entry that stands but is not fresh for this caller; None when the key has no entry."""
    failures: int
    """How many executions of this key have failed so far. A waiter compares it with the count it saw when it
    began to wait."""
    failure: str
    """The newest failure as its holder described it, empty when there is none."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Someone else holds the claim."""

    key: str
    claim_id: str
    token: int
    holder: str
    """The holder as it named itself (a JSON object, see ``cache.holder``)."""
    lease_left: float
    """Seconds until the lease runs out, by the database's clock."""
    held_for: float
    """Seconds since the claim was granted, by the database's clock."""
    failures: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """The lease now ends ``lease`` seconds after the request was sent."""

    lease: float


@dataclass(frozen=True, slots=True)
class Published:
    """The result is stored and committed. A repeated ``publish`` of one claim answers the same."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Released:
    """The claim is given back. A repeated ``release`` of one claim answers the same."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The claim is no longer the caller's: taken over after its lease ran out, or revoked. Nothing was changed."""

    revoked: bool = False
    """Whether an invalidation took the claim away: then the step may finish for its own run (protocol.md)."""


@dataclass(frozen=True, slots=True)
class Put:
    """Answer of ``put``: the entry that stands now, and whether this call stored it."""

    entry: Entry
    stored: bool


@dataclass(frozen=True, slots=True)
class Invalidated:
    """Answer of ``invalidate``: what there was to withdraw, and to revoke."""

    entry: bool
    claim: bool


@dataclass(frozen=True, slots=True)
class KeyState:
    """One awaited key, as a waiter sees it."""

    key: str
    published_by: str
    """``published_by`` of the entry, empty when there is none."""
    busy: Busy | None
    """The live claim, or None: never claimed, released, revoked, or its lease ran out."""
    failures: int
