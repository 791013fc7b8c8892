"""Entries in SQLite. Each public method is the body of one read or of one immediate transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from stepcache.stores.claim import Put
from stepcache.stores.entry import Description, Entry, Record, is_fresh
from stepcache.stores.sqlite.statements import Statements
from stepcache.stores.standing import Standing


class Entries:
    """What can be done to entries, with the statements that do it."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def lookup(self, connection: sqlite3.Connection, key: str) -> Entry | None:
        """The entry, by one indexed read."""
        row = connection.execute(self._sql.lookup, (key,)).fetchone()
        return None if row is None else Entry(*row)

    def describe(self, connection: sqlite3.Connection, key: str) -> Description | None:
        """What is known about the entry; for a row of another program, nothing."""
        row = connection.execute(self._sql.describe, (key,)).fetchone()
        return None if row is None else Description(*row)

    def put(self, connection: sqlite3.Connection, key: str, record: Record, published_by: str) -> Put:
        """Race: two writers without a claim. The immediate transaction puts one behind the other, so the second
        finds the entry of the first (``test_many_puts_at_once_leave_one_row``); KFP looks first and inserts then.
        """
        entry = self.lookup(connection, key)
        if entry is not None and is_fresh(entry):
            return Put(entry, stored=False)
        return Put(self.write(connection, key, record, published_by), stored=True)

    def write(
        self,
        connection: sqlite3.Connection,
        key: str,
        record: Record,
        published_by: str,
        *,
        started_at: int | None = None,
    ) -> Entry:
        """Insert or replace the entry and what belongs to it. ``started_at``: milliseconds, by default now.

        Race: two first writers of one key. The unique index makes the second an update
        (``test_many_puts_at_once_leave_one_row``).
        """
        described = record.description
        values: dict[str, Any] = {
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
        ((entry_id,),) = connection.execute(self._sql.store_entry, values).fetchall()
        connection.execute(self._sql.store_details, values | {"entry_id": entry_id})
        connection.execute("DELETE FROM execution_artifacts WHERE entry_id = ?", (entry_id,))
        connection.executemany(
            "INSERT INTO execution_artifacts (entry_id, digest, size) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(entry_id, artifact.digest, artifact.size) for artifact in record.artifacts],
        )
        return Entry(*connection.execute(self._sql.lookup, (key,)).fetchone())

    def delete(self, connection: sqlite3.Connection, key: str, published_by: str | None = None) -> bool:
        """Delete the entry, if ``published_by`` published it when that is given. True if it was there.

        Race: a withdrawal and a refresh, which keeps the ID. The condition on the publisher is in the statement
        (``test_a_withdrawal_spares_a_refreshed_entry``).
        """
        deleted = connection.execute(self._sql.delete_entry, {"key": key, "published_by": published_by}).fetchall()
        self.forget(connection, deleted)
        return bool(deleted)

    @staticmethod
    def forget(connection: sqlite3.Connection, deleted: list[tuple[int]]) -> None:
        """Delete what belongs to entries that are gone."""
        connection.executemany("DELETE FROM execution_details WHERE entry_id = ?", deleted)
        connection.executemany("DELETE FROM execution_artifacts WHERE entry_id = ?", deleted)

    def count_hits(self, connection: sqlite3.Connection, hits: Mapping[str, int]) -> None:
        """Add to the counts."""
        connection.executemany(self._sql.count_hits, [(count, key) for key, count in hits.items()])

    def touch(self, connection: sqlite3.Connection, keys: Collection[str], within: int) -> None:
        """Mark ``keys`` as used now if one of them was not used within the last ``within`` milliseconds."""
        listed = json.dumps(list(keys))
        if connection.execute(self._sql.is_unused, (listed, within)).fetchone() is not None:
            connection.execute(self._sql.touch, (listed,))

    def stand(self, connection: sqlite3.Connection, entries: Mapping[str, str], within: int) -> Standing:
        """Whether all are there as they were, and used within the last ``within`` milliseconds; by one statement
        however many there are.
        """
        listed = json.dumps(dict(entries))
        standing, is_used = connection.execute(self._sql.count_standing, (within, listed)).fetchone()
        if standing != len(entries):
            return Standing.FALLEN
        return Standing.USED if is_used else Standing.UNUSED
