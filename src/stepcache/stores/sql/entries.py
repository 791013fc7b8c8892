"""Entries on a database server. Each public method is the work of one operation on one session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepcache.stores.claim import Put
from stepcache.stores.entry import Description, Entry, Record, is_fresh
from stepcache.stores.sql.connection import Connection, RacedError
from stepcache.stores.sql.dialect import Dialect
from stepcache.stores.sql.rows import entry


class Entries:
    """What can be done to entries, in the words of ``dialect``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sql = dialect.shared

    async def lookup(self, connection: Connection, key: str) -> Entry | None:
        """The entry, by one indexed read."""
        rows = await connection.fetch(self._sql.lookup, {"key": key})
        return entry(key, rows[0]) if rows else None

    async def describe(self, connection: Connection, key: str) -> Description | None:
        """What is known about the entry; for a row of another program, nothing."""
        rows = await connection.fetch(self._sql.describe, {"key": key})
        if not rows:
            return None
        return Description() if rows[0][0] is None else Description(*rows[0])

    async def put(self, connection: Connection, key: str, record: Record, published_by: str) -> Put:
        """Race: two writers without a claim. The row is locked before it is read for the decision, and the unique
        index stops the second of two that insert (``test_many_puts_at_once_leave_one_row``).
        """
        standing = await self.lookup(connection, key)
        if standing is not None and is_fresh(standing):
            return Put(standing, stored=standing.published_by == published_by)
        await connection.begin()
        values = _values(key, record, published_by, None)
        if await self._lock(connection, key) is None:
            entry_id = await self._dialect.insert_entry(connection, values)
            if entry_id is None:
                raise RacedError
        else:
            # A new statement: what its lock waited for is seen by no older one.
            standing = await self.lookup(connection, key)
            if standing is not None and is_fresh(standing):
                await connection.rollback()
                return Put(standing, stored=standing.published_by == published_by)
            entry_id = await self._dialect.store_entry(connection, values)
        stored = await self._finish(connection, entry_id, record, values)
        await connection.commit()
        return Put(stored, stored=True)

    async def write(
        self, connection: Connection, key: str, record: Record, published_by: str, *, started_at: int
    ) -> Entry:
        """Insert or replace the entry and what belongs to it, within a transaction. ``started_at``: milliseconds.

        Race: two first writers of one key. The unique index makes the second an update
        (``test_puts_and_publishes_at_once_leave_one_row``).
        """
        values = _values(key, record, published_by, started_at)
        entry_id = await self._dialect.store_entry(connection, values)
        return await self._finish(connection, entry_id, record, values)

    async def withdraw(self, connection: Connection, key: str, published_by: str) -> bool:
        """Race: a withdrawal and a refresh, which keeps the ID. Who published is read, by a statement of its own,
        under the lock that every writer of the row takes first (``test_a_withdrawal_spares_a_refreshed_entry``).
        """
        await connection.begin()
        standing = None
        if await self._lock(connection, key) is not None:
            standing = await self.lookup(connection, key)
        if standing is None or standing.published_by != published_by:
            await connection.rollback()
            return False
        await self._delete(connection, standing.id)
        await connection.commit()
        return True

    async def delete(self, connection: Connection, key: str) -> bool:
        """Delete the entry, within a transaction. True if it was there."""
        entry_id = await self._lock(connection, key)
        if entry_id is not None:
            await self._delete(connection, entry_id)
        return entry_id is not None

    async def count_hits(self, connection: Connection, hits: Mapping[str, int]) -> None:
        """Add to the counts. In one order for all, so that two processes do not wait for each other."""
        await connection.begin()
        await connection.execute_many(
            self._sql.count_hits, [{"key": key, "count": count} for key, count in sorted(hits.items())]
        )
        await connection.commit()

    async def _lock(self, connection: Connection, key: str) -> int | None:
        """Keep other writers of the entry out until the transaction ends; its ID, None if there is no entry."""
        rows = await connection.fetch(self._sql.lock_entry, {"key": key})
        return rows[0][0] if rows else None

    async def _finish(
        self, connection: Connection, entry_id: int, record: Record, values: Mapping[str, Any]
    ) -> Entry:
        belonging = {**values, "entry_id": entry_id}
        stored = await self._dialect.store_details(connection, belonging)
        now, started_in_seconds, ended_in_seconds, started_at, had_artifacts = stored
        if had_artifacts:
            await connection.execute(self._sql.delete_artifacts, belonging)
        # Each digest once: its size belongs to it.
        artifacts = {artifact.digest: artifact.size for artifact in record.artifacts}
        if artifacts:
            await connection.execute_many(
                self._sql.insert_artifact,
                [{"entry_id": entry_id, "digest": digest, "size": size} for digest, size in artifacts.items()],
            )
        return Entry(
            key=values["key"],
            id=entry_id,
            output=record.output,
            max_staleness=record.max_staleness,
            started_at=started_in_seconds,
            ended_at=ended_in_seconds,
            age=(now - started_at) / 1000,
            published_by=values["published_by"],
            duration=record.description.duration,
        )

    async def _delete(self, connection: Connection, entry_id: int) -> None:
        values = {"entry_id": entry_id}
        await connection.execute(self._sql.delete_entry, values)
        await connection.execute(self._sql.delete_details, values)
        await connection.execute(self._sql.delete_artifacts, values)


def _values(key: str, record: Record, published_by: str, started_at: int | None) -> dict[str, Any]:
    described = record.description
    return {
        "key": key,
        "template": record.template,
        "output": record.output,
        "max_staleness": record.max_staleness,
        "started_at": started_at,
        "published_by": published_by,
        "namespace": described.namespace,
        "pipeline": described.pipeline,
        "component": described.component,
        "task": described.task,
        "run_id": described.run_id,
        "duration": described.duration,
        "parts": described.parts,
    }
