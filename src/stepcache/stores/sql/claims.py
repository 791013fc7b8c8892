"""Claims on a database server. Each public method is the work of one operation on one session, and names the race
that it closes and the test that forces it.

Whoever writes both a claim and an entry takes the claim's row first, so that no two wait for each other.
"""

from __future__ import annotations

from stepcache.light_dataclasses import dataclass
from stepcache.stores.claim import Busy, Claim, Granted, Hit, Invalidated, Lost, Published, Released, Renewed
from stepcache.stores.entry import Record, is_fresh
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.dialect import Dialect
from stepcache.stores.sql.entries import Entries
from stepcache.stores.sql.rows import ClaimRow, KeyRow


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
    """What can be done to claims, in the words of ``dialect``."""

    def __init__(self, dialect: Dialect, entries: Entries) -> None:
        self._dialect = dialect
        self._sql = dialect.shared
        self._entries = entries

    async def claim(self, connection: Connection, request: ClaimRequest) -> Hit | Granted | Busy:
        """Race: two claimers. One conditional upsert lets one of them through, and which one is read afterwards, by
        a statement of its own (``test_one_of_many_claimers_at_once_is_granted``).

        Race: a publish between a look and the claim. The entry is read again after the claim is taken, and when it
        is fresh the claim is given back (``test_operations_that_race_come_one_after_the_other``).
        """
        values = {
            "key": request.key,
            "claim_id": request.claim_id,
            "holder": request.holder,
            "lease": _milliseconds(request.lease),
            "dead_holder": request.dead_holder,
        }
        has_tried = False
        while True:
            seen = await self._look(connection, request.key)
            held = seen.claim
            is_mine = held is not None and held.is_held_by(request.claim_id)
            if seen.entry is not None and is_fresh(
                seen.entry, max_staleness=request.max_staleness, asked=request.asked
            ):
                if held is not None and is_mine:
                    await self._dialect.give_back(connection, values | {"token": held.token, "failure": None})
                return Hit(seen.entry)
            if held is not None and is_mine and has_tried:
                claim = Claim(request.key, request.claim_id, held.token)
                return Granted(claim, request.lease, seen.entry, failures=held.failures, failure=held.failure)
            if held is not None and held.is_live(seen.now) and not is_mine and held.holder != request.dead_holder:
                return held.busy(request.key, seen.now)
            await self._dialect.take(connection, values, is_first=held is None)
            has_tried = True

    async def renew(self, connection: Connection, claim: Claim, lease: float, holder: str | None) -> Renewed | Lost:
        """Race: a renewal and a takeover. The fence is in the statement
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        values = _fence(claim) | {"lease": _milliseconds(lease), "holder": holder}
        changed = await connection.execute(self._sql.renew, values)
        return Renewed(lease) if changed else await self._lost(connection, claim)

    async def publish(self, connection: Connection, claim: Claim, record: Record) -> Published | Lost:
        """Race: a publish and a takeover. The fence, the entry and the release are one transaction
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        await connection.begin()
        claimed_at = await self._dialect.give_back(connection, _fence(claim) | {"failure": None})
        if claimed_at is not None:
            entry = await self._entries.write(connection, claim.key, record, claim.claim_id, started_at=claimed_at)
            await connection.commit()
            return Published(entry)
        await connection.rollback()
        standing = await self._entries.lookup(connection, claim.key)
        if standing is not None and standing.published_by == claim.claim_id:
            return Published(standing)  # the answer to an earlier call was lost
        return await self._lost(connection, claim)

    async def release(self, connection: Connection, claim: Claim, failure: str | None) -> Released | Lost:
        """Race: a release and a takeover. The fence is in the statement
        (``test_an_old_holder_changes_nothing_after_a_takeover``).
        """
        if await self._dialect.give_back(connection, _fence(claim) | {"failure": failure}) is not None:
            return Released()
        row = await self._row(connection, claim.key)
        if row is not None and row.was_given_back(claim):
            return Released()  # the answer to an earlier call was lost
        return _lost(row, claim)

    async def invalidate(self, connection: Connection, key: str) -> Invalidated:
        """Race: an invalidation and a publish. The entry and the right to store one go in one transaction, which
        locks the claim first, as a publish does (``test_an_invalidated_claim_cannot_publish``).
        """
        await connection.begin()
        await connection.fetch(self._sql.lock_claim, {"key": key})
        revoked = await connection.execute(self._sql.revoke, {"key": key})
        deleted = await self._entries.delete(connection, key)
        await connection.commit()
        return Invalidated(entry=deleted, claim=revoked > 0)

    async def _look(self, connection: Connection, key: str) -> KeyRow:
        rows = await connection.fetch(self._sql.look, {"key": key})
        return KeyRow.read(key, rows[0])

    async def _row(self, connection: Connection, key: str) -> ClaimRow | None:
        rows = await connection.fetch(self._sql.claim, {"key": key})
        return ClaimRow(*rows[0]) if rows else None

    async def _lost(self, connection: Connection, claim: Claim) -> Lost:
        return _lost(await self._row(connection, claim.key), claim)


def _lost(row: ClaimRow | None, claim: Claim) -> Lost:
    return Lost(revoked=row is not None and row.revoked_claim_id == claim.claim_id)


def _fence(claim: Claim) -> dict[str, str | int | None]:
    return {"key": claim.key, "claim_id": claim.claim_id, "token": claim.token}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
