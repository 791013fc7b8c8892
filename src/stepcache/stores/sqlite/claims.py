"""Claims in SQLite. Each public method is the body of one read or of one immediate transaction, and names the race
that it closes and the test that forces it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from stepcache.light_dataclasses import dataclass
from stepcache.stores.claim import (
    Busy,
    Claim,
    Granted,
    Hit,
    Invalidated,
    KeyState,
    Lost,
    Published,
    Released,
    Renewed,
)
from stepcache.stores.entry import Record, is_fresh
from stepcache.stores.sqlite.entries import Entries
from stepcache.stores.sqlite.statements import Statements


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What ``Store.claim`` was called with."""

    key: str
    claim_id: str
    holder: str
    lease: float
    max_staleness: float
    asked: float
    dead_holder: str | None


class Claims:
    """What can be done to claims, with the statements that do it."""

    def __init__(self, statements: Statements, entries: Entries) -> None:
        self._sql = statements
        self._entries = entries

    def claim(self, connection: sqlite3.Connection, request: ClaimRequest) -> Hit | Granted | Busy:
        """Race: two claimers. One conditional upsert lets one of them through
        (``test_one_of_many_claimers_at_once_is_granted``).

        Race: a publish between the caller's look-up and its claim. The entry is read in the claim's transaction, in
        which nobody else writes, so that reading before taking is reading after taking; a Hit takes nothing
        (``test_a_claim_reads_the_entry_again``).
        """
        entry = self._entries.lookup(connection, request.key)
        if entry is not None and is_fresh(entry, max_staleness=request.max_staleness, asked=request.asked):
            self._release_if_held(connection, request)
            return Hit(entry)
        taken = connection.execute(
            self._sql.take,
            {
                "key": request.key,
                "claim_id": request.claim_id,
                "holder": request.holder,
                "lease": _milliseconds(request.lease),
                "dead_holder": request.dead_holder,
            },
        ).fetchall()
        if not taken:
            return Busy(*connection.execute(self._sql.busy, (request.key,)).fetchone())
        ((token, failures, failure),) = taken
        claim = Claim(request.key, request.claim_id, token)
        return Granted(claim, request.lease, stale=entry, failures=failures, failure=failure)

    def renew(
        self, connection: sqlite3.Connection, claim: Claim, lease: float, holder: str | None
    ) -> Renewed | Lost:
        """Race: a renewal and a takeover. The fence is in the statement
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        values = _fence(claim) | {"lease": _milliseconds(lease), "holder": holder}
        changed = connection.execute(self._sql.renew, values).rowcount
        return Renewed(lease) if changed else self._lost(connection, claim)

    def publish(self, connection: sqlite3.Connection, claim: Claim, record: Record) -> Published | Lost:
        """Race: a publish and a takeover. The fence, the entry and the release are one transaction
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        claimed_at = self._give_back(connection, claim, None)
        if claimed_at is not None:
            return Published(
                self._entries.write(connection, claim.key, record, claim.claim_id, started_at=claimed_at)
            )
        entry = self._entries.lookup(connection, claim.key)
        if entry is not None and entry.published_by == claim.claim_id:
            return Published(entry)  # the answer to an earlier call was lost
        return self._lost(connection, claim)

    def release(self, connection: sqlite3.Connection, claim: Claim, failure: str | None) -> Released | Lost:
        """Race: a release and a takeover. The fence is in the statement
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        if self._give_back(connection, claim, failure) is not None or self._was_given_back(connection, claim):
            return Released()
        return self._lost(connection, claim)

    def invalidate(self, connection: sqlite3.Connection, key: str) -> Invalidated:
        """Race: an invalidation and a publish. The entry and the right to store one go in one transaction
        (``test_an_invalidated_claim_cannot_publish``).
        """
        deleted = self._entries.delete(connection, key)
        revoked = connection.execute(self._sql.revoke, (key,)).rowcount
        return Invalidated(entry=deleted, claim=revoked > 0)

    def watch(self, connection: sqlite3.Connection, keys: Collection[str]) -> dict[str, KeyState]:
        """The states of all ``keys``, by one statement however many there are."""
        states = {}
        rows = connection.execute(self._sql.watch, (json.dumps(list(keys)),))
        for key, published_by, failures, live, claim_id, token, holder, lease_left, held_for in rows:
            busy = Busy(key, claim_id, token, holder, lease_left, held_for, failures) if live else None
            states[key] = KeyState(key, published_by, busy, failures)
        return states

    def _give_back(self, connection: sqlite3.Connection, claim: Claim, failure: str | None) -> int | None:
        """When the claim was granted; None when it is not the caller's any more."""
        rows = connection.execute(self._sql.give_back, _fence(claim) | {"failure": failure}).fetchall()
        return rows[0][0] if rows else None

    def _release_if_held(self, connection: sqlite3.Connection, request: ClaimRequest) -> None:
        row = connection.execute(
            "SELECT token FROM execution_claims WHERE cache_key = ? AND claim_id = ?",
            (request.key, request.claim_id),
        ).fetchone()
        if row is not None:
            self._give_back(connection, Claim(request.key, request.claim_id, row[0]), None)

    @staticmethod
    def _was_given_back(connection: sqlite3.Connection, claim: Claim) -> bool:
        """Whether the answer to an earlier release, or publish, of this claim was lost."""
        query = """
            SELECT 1 FROM execution_claims
             WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NOT NULL
               AND revoked_claim_id <> :claim_id"""
        return connection.execute(query, _fence(claim)).fetchone() is not None

    @staticmethod
    def _lost(connection: sqlite3.Connection, claim: Claim) -> Lost:
        row = connection.execute(
            "SELECT 1 FROM execution_claims WHERE cache_key = ? AND revoked_claim_id = ?",
            (claim.key, claim.claim_id),
        ).fetchone()
        return Lost(revoked=row is not None)


def _fence(claim: Claim) -> dict[str, str | int | None]:
    return {"key": claim.key, "claim_id": claim.claim_id, "token": claim.token}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
