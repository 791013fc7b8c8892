"""Garbage collection on a database server. Each method of ``Collection`` is the work of one operation.

Whoever deletes locks first, in the order of all writers (claims before entries, each by key or ID), and decides by
a statement of its own under these locks. What one statement names is in its text: IDs are numbers, and keys and
digests have passed the door as hex digits.
"""

from __future__ import annotations

from collections.abc import Collection as Many
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from stepcache.stores.entry import ArtifactReference
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.dialect import SharedStatements
from stepcache.stores.sql.statement import Statement
from stepcache.stores.unused import (
    LIVE_STATES,
    RESTING_PATTERN,
    StoredOutput,
    UnusedEntry,
    check_digests,
    milliseconds,
)

_MOST_ROWS: Final = 500
"""How many rows one transaction deletes, so that others get between."""

_BEGINNING: Final = (-(2**62), 0)
_LEAST_USED: Final = """
    SELECT e."ExecutionCacheKey", e."ID", d.published_by, d.used_at, ($clock - d.used_at) / 1000.0, d.pipeline,
           d.component, d.run_id
      FROM execution_details d
      JOIN execution_caches e ON e."ID" = d.entry_id
     WHERE (d.used_at > :used_at OR (d.used_at = :used_at AND d.entry_id > :entry_id))
       AND e."ExecutionTemplate" $like :pattern
     ORDER BY d.used_at, d.entry_id
     LIMIT :limit"""
_ARTIFACTS: Final = """
    SELECT entry_id, digest, size FROM execution_artifacts WHERE entry_id IN ($ids) ORDER BY entry_id, digest"""
_LOCK_CLAIMS: Final = """
    SELECT cache_key, released_at IS NULL AND lease_until > $clock
      FROM execution_claims
     WHERE cache_key IN ($keys)
     ORDER BY cache_key
       FOR UPDATE"""
_LOCK_ENTRIES: Final = 'SELECT "ID" FROM execution_caches WHERE "ID" IN ($ids) ORDER BY "ID" FOR UPDATE'
_LOCK_DETAILS: Final = """
    SELECT entry_id, published_by, used_at
      FROM execution_details
     WHERE entry_id IN ($ids)
     ORDER BY entry_id
       FOR UPDATE"""
_DELETIONS: Final = (
    'DELETE FROM execution_caches WHERE "ID" IN ($ids)',
    "DELETE FROM execution_details WHERE entry_id IN ($ids)",
    "DELETE FROM execution_artifacts WHERE entry_id IN ($ids)",
)
_REFERENCES: Final = """
    SELECT a.digest, COUNT(*)
      FROM execution_artifacts a
      JOIN execution_caches e ON e."ID" = a.entry_id
     WHERE a.digest IN ($keys)
     GROUP BY a.digest"""
_REFERENCED_SIZE: Final = """
    SELECT COALESCE(SUM(sizes.size), 0)
      FROM (SELECT MAX(a.size) AS size
              FROM execution_artifacts a
              JOIN execution_caches e ON e."ID" = a.entry_id
             GROUP BY a.digest) sizes"""
_OUTPUTS: Final = """
    SELECT e."ExecutionCacheKey", e."ID", d.published_by, e."ExecutionOutput", d.pipeline, d.component, d.task
      FROM execution_caches e
      JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ID" > :entry_id
     ORDER BY e."ID"
     LIMIT :limit"""
_DETACHED: Final = """
    SELECT b.entry_id FROM $table b
     WHERE NOT EXISTS (SELECT 1 FROM execution_caches e WHERE e."ID" = b.entry_id)
     LIMIT :limit"""
_IS_UNUSED_CLAIM: Final = "COALESCE(released_at, lease_until) < $clock - :age"
_HAS_ENDED: Final = f"state NOT IN {LIVE_STATES} AND finished_at < :before"
_ENDED_RUNS: Final = f"""
    SELECT run_id FROM stepcache_runs WHERE {_HAS_ENDED} AND run_id > :after ORDER BY run_id LIMIT :limit"""
_RUNS_OF_ENTRIES: Final = """
    SELECT d.run_id, COUNT(*)
      FROM execution_details d
      JOIN execution_caches e ON e."ID" = d.entry_id
     WHERE d.run_id IN ($names)
     GROUP BY d.run_id"""
_LOCK_RUNS: Final = f"""
    SELECT run_id FROM stepcache_runs WHERE {_HAS_ENDED} AND run_id IN ($names) ORDER BY run_id FOR UPDATE"""


class Collection:
    """What garbage collection does, with ``clock`` as the clock of its statements."""

    def __init__(self, shared: SharedStatements) -> None:
        self._style, self._clock = shared.style, shared.clock

    async def least_used(
        self, connection: Connection, resting: bool, after: tuple[int, int] | None, limit: int
    ) -> list[UnusedEntry]:
        """By the index on ``used_at``, and then their artifacts."""
        statement = self._made(_LEAST_USED.replace("$like", "LIKE" if resting else "NOT LIKE"))
        used_at, entry_id = after or _BEGINNING
        values = {"used_at": used_at, "entry_id": entry_id, "pattern": RESTING_PATTERN, "limit": limit}
        rows = await connection.fetch(statement, values)
        artifacts: dict[int, list[ArtifactReference]] = {}
        if rows:
            for entry_id, digest, size in await connection.fetch(
                self._of_ids(_ARTIFACTS, [row[1] for row in rows]), {}
            ):
                artifacts.setdefault(entry_id, []).append(ArtifactReference(digest, size))
        found = [UnusedEntry(*row) for row in rows]
        return [
            replace(entry, unused_for=float(entry.unused_for), artifacts=tuple(artifacts.get(entry.id, ())))
            for entry in found
        ]

    async def collect(self, connection: Connection, entries: Sequence[UnusedEntry]) -> list[UnusedEntry]:
        """Race: a collection, and a hit that is counted, a refresh, or a claim. What the conditions look at is read
        under the locks that every writer of it takes (``test_operations_that_race_with_a_collection``). A claim
        that is made at the same moment, where there was none, is of a key without an entry then.
        """
        await connection.begin()
        keys = sorted(entry.key for entry in entries)
        claims = await connection.fetch(self._of_keys(_LOCK_CLAIMS, keys), {})
        claimed = {key for key, is_live in claims if is_live}
        ids = sorted(entry.id for entry in entries)
        await connection.fetch(self._of_ids(_LOCK_ENTRIES, ids), {})
        details = await connection.fetch(self._of_ids(_LOCK_DETAILS, ids), {})
        found = {entry_id: (published_by, used_at) for entry_id, published_by, used_at in details}
        collected = [
            entry
            for entry in entries
            if found.get(entry.id) == (entry.published_by, entry.used_at) and entry.key not in claimed
        ]
        if collected:
            for deletion in _DELETIONS:
                await connection.execute(self._of_ids(deletion, [entry.id for entry in collected]), {})
        await connection.commit()
        return collected

    async def reference_counts(self, connection: Connection, digests: Sequence[str]) -> dict[str, int]:
        """One read."""
        rows = await connection.fetch(self._of_keys(_REFERENCES, digests), {}) if digests else ()
        return {str(digest): int(count) for digest, count in rows}

    async def referenced_size(self, connection: Connection) -> int:
        """One read."""
        ((size,),) = await connection.fetch(self._made(_REFERENCED_SIZE), {})
        return int(size)

    async def stored_outputs(self, connection: Connection, after: int, limit: int) -> list[StoredOutput]:
        """One read."""
        rows = await connection.fetch(self._made(_OUTPUTS), {"entry_id": after, "limit": limit})
        return [StoredOutput(*row) for row in rows]

    async def collect_details(self, connection: Connection) -> int:
        """IDs are never given twice, so what has none belongs to nobody. A row of an entry that is being written is
        seen with that entry, or not at all.
        """
        gone: set[int] = set()
        for table, deletion in zip(("execution_details", "execution_artifacts"), _DELETIONS[1:], strict=True):
            rows = await connection.fetch(self._made(_DETACHED.replace("$table", table)), {"limit": _MOST_ROWS})
            ids = [entry_id for (entry_id,) in rows]
            if ids:
                await connection.execute(self._of_ids(deletion, ids), {})
            gone.update(ids)
        return len(gone)

    async def unused_claims(self, connection: Connection, age: int) -> int:
        """How many there are."""
        statement = self._made(f"SELECT COUNT(*) FROM execution_claims WHERE {_IS_UNUSED_CLAIM}")
        ((count,),) = await connection.fetch(statement, {"age": age})
        return int(count)

    async def collect_claims(self, connection: Connection, age: int) -> int:
        """Race: a claim of a key whose row is collected. The condition is in the statement that deletes
        (``test_operations_that_race_with_a_collection``); the look before it only chooses where to lock. A claim
        that comes after it makes a new row, with a new random ID.
        """
        total = 0
        look = self._made(f"SELECT cache_key FROM execution_claims WHERE {_IS_UNUSED_CLAIM} LIMIT {_MOST_ROWS}")
        while rows := await connection.fetch(look, {"age": age}):
            delete = f"DELETE FROM execution_claims WHERE cache_key IN ($keys) AND {_IS_UNUSED_CLAIM}"
            total += await connection.execute(self._of_keys(delete, sorted(key for (key,) in rows)), {"age": age})
        return total

    async def ended_runs(self, connection: Connection, before: float, after: str, limit: int) -> dict[str, int]:
        """Two reads: what entries name is looked for among few, as there is no index for it."""
        values = {"before": before, "after": after, "limit": limit}
        ended = [run_id for (run_id,) in await connection.fetch(self._made(_ENDED_RUNS), values)]
        needed = await connection.fetch(*self._of_names(_RUNS_OF_ENTRIES, ended)) if ended else ()
        return dict.fromkeys(ended, 0) | {str(run_id): int(count) for run_id, count in needed}

    async def collect_runs(self, connection: Connection, run_ids: Sequence[str], before: float) -> list[str]:
        """Race: a run that goes on. Its state is read under the lock of its row
        (``test_a_run_that_goes_on_is_spared``).
        """
        if not run_ids:
            return []
        await connection.begin()
        statement, values = self._of_names(_LOCK_RUNS, sorted(run_ids))
        gone = [run_id for (run_id,) in await connection.fetch(statement, {**values, "before": before})]
        if gone:
            for table in ("stepcache_tasks", "stepcache_run_requests", "stepcache_runs"):
                await connection.execute(*self._of_names(f"DELETE FROM {table} WHERE run_id IN ($names)", gone))
        await connection.commit()
        return gone

    def _made(self, template: str) -> Statement:
        return Statement(template.replace("$clock", self._clock), self._style)

    def _of_ids(self, template: str, ids: Sequence[int]) -> Statement:
        return self._made(template.replace("$ids", ",".join(str(int(one)) for one in ids)))

    def _of_keys(self, template: str, keys: Sequence[str]) -> Statement:
        return self._made(template.replace("$keys", ",".join(f"'{key}'" for key in keys)))

    def _of_names(self, template: str, names: Sequence[str]) -> tuple[Statement, dict[str, Any]]:
        """Texts of any kind are parameters."""
        values = {f"name_{_letters(number)}": name for number, name in enumerate(names)}
        return self._made(template.replace("$names", ",".join(f":{name}" for name in values))), values


class SqlCollection:
    """``stores.collection.CollectingStore`` on a server."""

    _database: SqlDatabase
    _collecting: Collection

    def _check_writable(self) -> None:
        raise NotImplementedError

    async def least_used(
        self, *, resting: bool, after: tuple[int, int] | None = None, limit: int = 500
    ) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.least_used, resting, after, limit)

    async def collect(self, entries: Sequence[UnusedEntry]) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.collect, tuple(entries)) if entries else ()

    async def reference_counts(self, digests: Many[str]) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        check_digests(digests)
        self._check_writable()
        return await self._database.run(self._collecting.reference_counts, tuple(dict.fromkeys(digests)))

    async def referenced_size(self) -> int:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.referenced_size)

    async def stored_outputs(self, *, after: int = 0, limit: int = 200) -> Sequence[StoredOutput]:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.stored_outputs, after, limit)

    async def collect_details(self) -> int:
        """See ``CollectingStore``."""
        self._check_writable()
        total = 0
        while done := await self._database.run(self._collecting.collect_details):
            total += done
        return total

    async def unused_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.unused_claims, milliseconds(age))

    async def collect_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.collect_claims, milliseconds(age))

    async def ended_runs(self, *, before: float, after: str = "", limit: int = 500) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.ended_runs, before, after, limit)

    async def collect_runs(self, run_ids: Many[str], *, before: float) -> Sequence[str]:
        """See ``CollectingStore``."""
        self._check_writable()
        return await self._database.run(self._collecting.collect_runs, tuple(run_ids), before)


def _letters(number: int) -> str:
    """A name of its own for each number, of letters alone."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))
