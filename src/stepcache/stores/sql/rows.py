"""Rows as the statements of ``sql.dialect`` answer them, made into what the contract speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from stepcache.light_dataclasses import dataclass
from stepcache.stores.claim import Busy, Claim, KeyState
from stepcache.stores.entry import Entry


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """The claim row of a key. Moments are milliseconds since the epoch, by the database's clock."""

    claim_id: str
    token: int
    holder: str
    lease_until: int
    claimed_at: int
    released_at: int | None
    revoked_claim_id: str
    failures: int
    failure: str

    def is_held_by(self, claim_id: str) -> bool:
        """Whether ``claim_id`` has the key, its lease run out or not."""
        return self.released_at is None and self.claim_id == claim_id

    def is_live(self, now: int) -> bool:
        """Whether nobody but its holder may have the key."""
        return self.released_at is None and self.lease_until > now

    def was_given_back(self, claim: Claim) -> bool:
        """Whether ``claim`` is the newest, and its holder itself has ended it."""
        newest = (self.claim_id, self.token) == (claim.claim_id, claim.token)
        return newest and self.released_at is not None and self.revoked_claim_id != claim.claim_id

    def busy(self, key: str, now: int) -> Busy:
        """What another claimer is told."""
        return Busy(
            key=key,
            claim_id=self.claim_id,
            token=self.token,
            holder=self.holder,
            lease_left=(self.lease_until - now) / 1000,
            held_for=(now - self.claimed_at) / 1000,
            failures=self.failures,
        )


@dataclass(frozen=True, slots=True)
class KeyRow:
    """All there is to a key at one moment: the answer to ``look``."""

    now: int
    entry: Entry | None
    claim: ClaimRow | None

    @classmethod
    def read(cls, key: str, row: Sequence[Any]) -> Self:
        """Out of a row: the clock, eight columns of the entry, nine of the claim."""
        now = row[0]
        claim = None if row[9] is None else ClaimRow(*row[9:18])
        return cls(now, entry(key, row), claim)


def entry(key: str, row: Sequence[Any]) -> Entry | None:
    """The entry out of a row that begins with the clock and eight columns of the entry."""
    now, entry_id, output, max_staleness, started_at, ended_at, exactly_started_at, published_by, duration = row[:9]
    if entry_id is None:
        return None
    began = started_at * 1000 if exactly_started_at is None else exactly_started_at
    if duration is None:
        duration = float(max(0, ended_at - started_at))
    age = (now - began) / 1000
    by = publisher(entry_id, published_by)
    # By position: half the time, at each look-up.
    return Entry(key, entry_id, output, max_staleness, started_at, ended_at, age, by, duration)


def publisher(entry_id: int | None, published_by: str | None) -> str:
    """Who published; a row of another program is named by its ID, and no row by nothing."""
    if entry_id is None:
        return ""
    return f"row {entry_id}" if published_by is None else published_by


def state(key: str, now: int, published_by: str, claim: ClaimRow | None) -> KeyState:
    """What a waiter sees."""
    busy = claim.busy(key, now) if claim is not None and claim.is_live(now) else None
    return KeyState(key, published_by, busy, 0 if claim is None else claim.failures)
