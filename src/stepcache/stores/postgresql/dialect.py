"""What is said to PostgreSQL in its own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stepcache.stores.claim import KeyState
from stepcache.stores.runs import TASK_COLUMNS
from stepcache.stores.sql.connection import Connection, Row, Values
from stepcache.stores.sql.dialect import CLAIM_COLUMNS, RUN_COLUMNS, SharedStatements
from stepcache.stores.sql.rows import ClaimRow, publisher, state
from stepcache.stores.sql.statement import Statement

CLOCK: Final = "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS bigint)"
"""The server's clock, at the moment at which it is asked: the beginning of a statement that waited for a lock lies
as far back as it waited.
"""

# The claim of another must be released, expired, or held by exactly the dead holder; one's own is granted again.
_TAKE: Final = """
    INSERT INTO execution_claims AS c (cache_key, claim_id, token, holder, lease_until, claimed_at,
                                       revoked_claim_id, failures, failure)
    VALUES (:key, :claim_id, 1, :holder, $clock + :lease, $clock, '', 0, '')
    ON CONFLICT (cache_key) DO UPDATE
       SET token = CASE WHEN c.released_at IS NULL AND c.claim_id = :claim_id THEN c.token ELSE c.token + 1 END,
           claimed_at = CASE WHEN c.released_at IS NULL AND c.claim_id = :claim_id
                             THEN c.claimed_at ELSE $clock END,
           claim_id = :claim_id,
           holder = :holder,
           lease_until = $clock + :lease,
           released_at = NULL,
           revoked_claim_id = CASE WHEN c.revoked_claim_id = :claim_id THEN '' ELSE c.revoked_claim_id END
     WHERE c.released_at IS NOT NULL
        OR c.lease_until <= $clock
        OR c.holder = :dead_holder
        OR c.claim_id = :claim_id"""

_GIVE_BACK: Final = """
    UPDATE execution_claims
       SET released_at = $clock,
           failures = failures + CASE WHEN CAST(:failure AS text) IS NULL THEN 0 ELSE 1 END,
           failure = COALESCE(:failure, failure)
     WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NULL
    RETURNING claimed_at"""

_INSERT_ENTRY: Final = """
    INSERT INTO execution_caches ("ExecutionCacheKey", "ExecutionTemplate", "ExecutionOutput", "MaxCacheStaleness",
                                  "StartedAtInSec", "EndedAtInSec")
    VALUES (:key, :template, :output, :max_staleness, COALESCE(CAST(:started_at AS bigint), $clock) / 1000,
            $clock / 1000)"""
_UNLESS_THERE: Final = ' ON CONFLICT ("ExecutionCacheKey") DO NOTHING RETURNING "ID"'
# In place: pods carry the ID in a label.
_OR_REPLACE: Final = """
    ON CONFLICT ("ExecutionCacheKey") DO UPDATE
       SET "ExecutionTemplate" = excluded."ExecutionTemplate",
           "ExecutionOutput" = excluded."ExecutionOutput",
           "MaxCacheStaleness" = excluded."MaxCacheStaleness",
           "StartedAtInSec" = excluded."StartedAtInSec",
           "EndedAtInSec" = excluded."EndedAtInSec"
    RETURNING "ID\""""

# The hits of the result before this one still count for the key.
_STORE_DETAILS: Final = """
    INSERT INTO execution_details (entry_id, published_by, started_at, namespace, pipeline, component, task, run_id,
                                   duration, parts, hits, used_at)
    VALUES (:entry_id, :published_by, COALESCE(:started_at, $clock), :namespace, :pipeline, :component, :task,
            :run_id, :duration, :parts, 0, $clock)
    ON CONFLICT (entry_id) DO UPDATE
       SET published_by = excluded.published_by,
           started_at = excluded.started_at,
           namespace = excluded.namespace,
           pipeline = excluded.pipeline,
           component = excluded.component,
           task = excluded.task,
           run_id = excluded.run_id,
           duration = excluded.duration,
           parts = excluded.parts,
           used_at = excluded.used_at
    RETURNING used_at,
              (SELECT e."StartedAtInSec" FROM execution_caches e WHERE e."ID" = entry_id),
              (SELECT e."EndedAtInSec" FROM execution_caches e WHERE e."ID" = entry_id),
              started_at,
              EXISTS (SELECT 1 FROM execution_artifacts a WHERE a.entry_id = execution_details.entry_id)"""

_WATCH: Final = f"""
    SELECT k.cache_key, $clock, e."ID", d.published_by, {CLAIM_COLUMNS}
      FROM unnest(CAST(:keys AS text[])) AS k (cache_key)
      LEFT JOIN execution_caches e ON e."ExecutionCacheKey" = k.cache_key
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
      LEFT JOIN execution_claims c ON c.cache_key = k.cache_key"""

_SETTLE: Final = "INSERT INTO stepcache_settings (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"

_FINISH_RUN: Final = """
    UPDATE stepcache_runs
       SET state = :state, finished_at = :finished_at, error = :error, outputs = :outputs
     WHERE run_id = :run_id AND state <> ALL (CAST(:unless AS text[]))"""


def _save(table: str, key: str, columns: str) -> str:
    names = columns.replace("\n", " ").split(", ")
    values = ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {changes}"


class PostgresqlDialect:
    """``sql.dialect.Dialect`` for PostgreSQL."""

    def __init__(self, clock: str = CLOCK, *, has_details: bool = True, is_unique: bool = True) -> None:
        def made(template: str) -> Statement:
            return Statement(template.replace("$clock", clock), "numbered")

        self.shared = SharedStatements("numbered", clock, has_details=has_details, is_unique=is_unique)
        self._take = made(_TAKE)
        self._give_back = made(_GIVE_BACK)
        self._insert_entry = made(_INSERT_ENTRY + _UNLESS_THERE)
        self._store_entry = made(_INSERT_ENTRY + _OR_REPLACE)
        self._store_details = made(_STORE_DETAILS)
        self._watch = made(_WATCH)
        self._settle = made(_SETTLE)
        self._finish_run = made(_FINISH_RUN)
        self._save_run = made(_save("stepcache_runs", "run_id", RUN_COLUMNS))
        self._save_task = made(_save("stepcache_tasks", "task_id", f"task_id, {TASK_COLUMNS}"))

    async def take(self, connection: Connection, values: Values, *, is_first: bool) -> None:  # noqa: ARG002
        """See ``Dialect``. One statement does for both cases."""
        await connection.execute(self._take, values)

    async def give_back(self, connection: Connection, values: Values) -> int | None:
        """See ``Dialect``."""
        rows = await connection.fetch(self._give_back, _readable(values, "failure"))
        return rows[0][0] if rows else None

    async def insert_entry(self, connection: Connection, values: Values) -> int | None:
        """See ``Dialect``."""
        rows = await connection.fetch(self._insert_entry, values)
        return rows[0][0] if rows else None

    async def store_entry(self, connection: Connection, values: Values) -> int:
        """See ``Dialect``."""
        ((entry_id,),) = await connection.fetch(self._store_entry, values)
        return int(entry_id)

    async def store_details(self, connection: Connection, values: Values) -> Row:
        """See ``Dialect``."""
        (row,) = await connection.fetch(self._store_details, values)
        return row

    async def watch(self, connection: Connection, keys: Collection[str]) -> Mapping[str, KeyState]:
        """See ``Dialect``."""
        states = {}
        for key, now, entry_id, published_by, *claim in await connection.fetch(self._watch, {"keys": list(keys)}):
            row = None if claim[0] is None else ClaimRow(*claim)
            states[key] = state(key, now, publisher(entry_id, published_by), row)
        return states

    async def settle(self, connection: Connection, name: str, value: str) -> None:
        """See ``Dialect``."""
        await connection.execute(self._settle, {"name": name, "value": value})

    async def save_run(self, connection: Connection, values: Values) -> None:
        """See ``Dialect``."""
        await connection.execute(self._save_run, _readable(values, "error"))

    async def save_tasks(self, connection: Connection, many: list[dict[str, Any]]) -> None:
        """See ``Dialect``."""
        await connection.execute_many(self._save_task, [_readable(values, "error") for values in many])

    async def finish_run(self, connection: Connection, values: Values, unless: tuple[str, ...]) -> bool:
        """See ``Dialect``."""
        named = {**_readable(values, "error"), "unless": list(unless)}
        return await connection.execute(self._finish_run, named) > 0


def _readable(values: Values, name: str) -> Values:
    """``values`` without NUL in a text for people: a step's log may have any, and PostgreSQL takes none."""
    text = values[name]
    return (
        values
        if text is None or "\0" not in text
        else {**values, name: text.replace("\0", "\N{REPLACEMENT CHARACTER}")}
    )
