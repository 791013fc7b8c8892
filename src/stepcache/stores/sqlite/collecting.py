"""Garbage collection in SQLite. Everything here is the body of one read or of one immediate
transaction, in which nobody else writes: whatever is deleted is, then, what the condition says.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from stepcache.stores.entry import ArtifactReference
from stepcache.stores.sqlite.entries import Entries
from stepcache.stores.unused import (
    LIVE_STATES,
    RESTING_PATTERN,
    StoredOutput,
    UnusedEntry,
    check_digests,
    milliseconds,
)

_MOST_ROWS: Final = 1000
"""How many rows one transaction deletes, so that others get between."""

_BEGINNING: Final = (-(2**62), 0)
_LEAST_USED: Final = """
    SELECT e.ExecutionCacheKey, e.ID, d.published_by, d.used_at, ($clock - d.used_at) / 1000.0, d.pipeline,
           d.component, d.run_id
      FROM execution_details d
      JOIN execution_caches e ON e.ID = d.entry_id
     WHERE (d.used_at, d.entry_id) > (:used_at, :id) AND (e.ExecutionTemplate LIKE :pattern) = :resting
     ORDER BY d.used_at, d.entry_id
     LIMIT :limit"""
_ARTIFACTS: Final = """
    SELECT a.entry_id, a.digest, a.size
      FROM json_each(?) k
      JOIN execution_artifacts a ON a.entry_id = k.value
     ORDER BY a.entry_id, a.digest"""
_COLLECT: Final = """
    DELETE FROM execution_caches
     WHERE ExecutionCacheKey = :key AND ID = :id
       AND EXISTS (SELECT 1 FROM execution_details d
                    WHERE d.entry_id = :id AND d.published_by = :published_by AND d.used_at = :used_at)
       AND NOT EXISTS (SELECT 1 FROM execution_claims c
                        WHERE c.cache_key = :key AND c.released_at IS NULL AND c.lease_until > $clock)"""
_REFERENCES: Final = """
    SELECT k.value, COUNT(*)
      FROM json_each(?) k
      JOIN execution_artifacts a ON a.digest = k.value
      JOIN execution_caches e ON e.ID = a.entry_id
     GROUP BY k.value"""
_REFERENCED_SIZE: Final = """
    SELECT COALESCE(SUM(size), 0)
      FROM (SELECT MAX(a.size) AS size
              FROM execution_artifacts a
              JOIN execution_caches e ON e.ID = a.entry_id
             GROUP BY a.digest)"""
_OUTPUTS: Final = """
    SELECT e.ExecutionCacheKey, e.ID, d.published_by, e.ExecutionOutput, d.pipeline, d.component, d.task
      FROM execution_caches e
      JOIN execution_details d ON d.entry_id = e.ID
     WHERE e.ID > ?
     ORDER BY e.ID
     LIMIT ?"""
_DETACHED: Final = """
    SELECT entry_id FROM execution_details WHERE entry_id NOT IN (SELECT ID FROM execution_caches)
     UNION
    SELECT entry_id FROM execution_artifacts WHERE entry_id NOT IN (SELECT ID FROM execution_caches)
     LIMIT ?"""
_IS_UNUSED_CLAIM: Final = "COALESCE(released_at, lease_until) < $clock - ?"
_COUNT_CLAIMS: Final = f"SELECT COUNT(*) FROM execution_claims WHERE {_IS_UNUSED_CLAIM}"
_COLLECT_CLAIMS: Final = f"""
    DELETE FROM execution_claims
     WHERE cache_key IN (SELECT cache_key FROM execution_claims WHERE {_IS_UNUSED_CLAIM} LIMIT {_MOST_ROWS})"""
_HAS_ENDED: Final = f"state NOT IN {LIVE_STATES} AND finished_at < ?"
_ENDED_RUNS: Final = f"""
    SELECT r.run_id, COALESCE(n.entries, 0)
      FROM runs r
      LEFT JOIN (SELECT d.run_id, COUNT(*) AS entries
                   FROM execution_details d
                   JOIN execution_caches e ON e.ID = d.entry_id
                  GROUP BY d.run_id) n ON n.run_id = r.run_id
     WHERE {_HAS_ENDED} AND r.run_id > ?
     ORDER BY r.run_id
     LIMIT ?"""
_COLLECT_RUNS: Final = f"""
    DELETE FROM runs WHERE {_HAS_ENDED} AND run_id IN (SELECT value FROM json_each(?)) RETURNING run_id"""


class Collecting:
    """What garbage collection does, with the statements that do it."""

    def __init__(self, clock: str, entries: Entries) -> None:
        self._entries = entries
        self._least_used = _LEAST_USED.replace("$clock", clock)
        self._collect = _COLLECT.replace("$clock", clock)
        self._count_claims = _COUNT_CLAIMS.replace("$clock", clock)
        self._collect_claims = _COLLECT_CLAIMS.replace("$clock", clock)

    def least_used(
        self, connection: sqlite3.Connection, after: tuple[int, int] | None, limit: int, *, resting: bool
    ) -> list[UnusedEntry]:
        """By the index on ``used_at``, and then their artifacts."""
        used_at, entry_id = after or _BEGINNING
        values = {
            "used_at": used_at,
            "id": entry_id,
            "pattern": RESTING_PATTERN,
            "resting": resting,
            "limit": limit,
        }
        rows = connection.execute(self._least_used, values).fetchall()
        artifacts: dict[int, list[ArtifactReference]] = {}
        for entry_id, digest, size in connection.execute(_ARTIFACTS, (json.dumps([row[1] for row in rows]),)):
            artifacts.setdefault(entry_id, []).append(ArtifactReference(digest, size))
        return [replace(UnusedEntry(*row), artifacts=tuple(artifacts.get(row[1], ()))) for row in rows]

    def collect(self, connection: sqlite3.Connection, entries: Sequence[UnusedEntry]) -> list[UnusedEntry]:
        """Race: a collection, and a hit that is counted, a refresh, or a claim. The conditions are in the statement
        (``test_operations_that_race_with_a_collection``).
        """
        collected = []
        for entry in entries:
            values = {
                "key": entry.key,
                "id": entry.id,
                "published_by": entry.published_by,
                "used_at": entry.used_at,
            }
            if connection.execute(self._collect, values).rowcount:
                collected.append(entry)
        self._entries.forget(connection, [(entry.id,) for entry in collected])
        return collected

    def collect_details(self, connection: sqlite3.Connection) -> int:
        """IDs are never given twice, so what has none belongs to nobody."""
        gone = connection.execute(_DETACHED, (_MOST_ROWS,)).fetchall()
        self._entries.forget(connection, gone)
        return len(gone)

    def unused_claims(self, connection: sqlite3.Connection, age: float) -> int:
        """How many there are."""
        (count,) = connection.execute(self._count_claims, (milliseconds(age),)).fetchone()
        return int(count)

    def collect_claims(self, connection: sqlite3.Connection, age: float) -> int:
        """Race: a claim of a key whose row is collected. One statement
        (``test_operations_that_race_with_a_collection``);
        a claim that comes after it makes a new row, with a new random ID.
        """
        return connection.execute(self._collect_claims, (milliseconds(age),)).rowcount

    @staticmethod
    def reference_counts(connection: sqlite3.Connection, digests: Collection[str]) -> dict[str, int]:
        """One read. Raises InputError."""
        check_digests(digests)
        return dict(connection.execute(_REFERENCES, (json.dumps(list(dict.fromkeys(digests))),)).fetchall())

    @staticmethod
    def referenced_size(connection: sqlite3.Connection) -> int:
        """One read."""
        (size,) = connection.execute(_REFERENCED_SIZE).fetchone()
        return int(size)

    @staticmethod
    def stored_outputs(connection: sqlite3.Connection, after: int, limit: int) -> list[StoredOutput]:
        """One read."""
        return [StoredOutput(*row) for row in connection.execute(_OUTPUTS, (after, limit))]

    @staticmethod
    def ended_runs(connection: sqlite3.Connection, before: float, after: str, limit: int) -> dict[str, int]:
        """One read."""
        return dict(connection.execute(_ENDED_RUNS, (before, after, limit)).fetchall())

    @staticmethod
    def collect_runs(connection: sqlite3.Connection, run_ids: Sequence[str], before: float) -> list[str]:
        """Race: a run that goes on. Its state is in the statement (``test_a_run_that_goes_on_is_spared``)."""
        rows = connection.execute(_COLLECT_RUNS, (before, json.dumps(run_ids))).fetchall()
        connection.executemany("DELETE FROM tasks WHERE run_id = ?", rows)
        connection.executemany("DELETE FROM run_requests WHERE run_id = ?", rows)
        return [run_id for (run_id,) in rows]
