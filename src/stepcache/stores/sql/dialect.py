"""The SQL of entries and claims: what both kinds of server understand is here, the rest is each dialect's own.

Names are quoted as in standard SQL, which MySQL takes with ``ANSI_QUOTES``. ``$clock`` stands for the one clock
that is compared, in milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

from stepcache.stores.claim import KeyState
from stepcache.stores.runs import TASK_COLUMNS, RunRow, TaskRow
from stepcache.stores.sql.connection import Connection, Row, Values
from stepcache.stores.sql.statement import Statement, Style

ENTRY_COLUMNS: Final = """e."ID", e."ExecutionOutput", e."MaxCacheStaleness", e."StartedAtInSec", e."EndedAtInSec",
           d.started_at, d.published_by, d.duration"""
CLAIM_COLUMNS: Final = """c.claim_id, c.token, c.holder, c.lease_until, c.claimed_at, c.released_at,
           c.revoked_claim_id, c.failures, c.failure"""
_NO_DETAILS: Final = """(SELECT NULL AS entry_id, NULL AS started_at, NULL AS published_by, NULL AS namespace,
                      NULL AS pipeline, NULL AS component, NULL AS task, NULL AS run_id, NULL AS duration,
                      NULL AS parts)"""

_LOOKUP: Final = f"""
    SELECT $clock, {ENTRY_COLUMNS}
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ExecutionCacheKey" = :key"""
# KFP answers the newest of a key's rows.
_LOOKUP_AMONG_DUPLICATES: Final = _LOOKUP + ' ORDER BY e."StartedAtInSec" DESC, e."ID" DESC LIMIT 1'
# No column of one table is compared with a text of another: KFP's may have another collation than ours.
_LOOK: Final = f"""
    SELECT $clock, {ENTRY_COLUMNS},
           {CLAIM_COLUMNS}
      FROM (SELECT 1 AS one) one
      LEFT JOIN execution_caches e ON e."ExecutionCacheKey" = :key
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
      LEFT JOIN execution_claims c ON c.cache_key = :key"""
_DESCRIBE: Final = """
    SELECT d.namespace, d.pipeline, d.component, d.task, d.run_id, d.duration, d.parts
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ExecutionCacheKey" = :key"""
_RENEW: Final = """
    UPDATE execution_claims
       SET lease_until = $clock + :lease, holder = COALESCE(:holder, holder)
     WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NULL"""
_REVOKE: Final = """
    UPDATE execution_claims
       SET released_at = $clock, revoked_claim_id = claim_id
     WHERE cache_key = :key AND released_at IS NULL"""
_COUNT_HITS: Final = """
    UPDATE execution_details
       SET hits = hits + :count, used_at = $clock
     WHERE entry_id = (SELECT e."ID" FROM execution_caches e WHERE e."ExecutionCacheKey" = :key)"""
_DUPLICATES: Final = """
    SELECT "ExecutionCacheKey", COUNT(*)
      FROM execution_caches
     GROUP BY "ExecutionCacheKey"
    HAVING COUNT(*) > 1"""
_FINISH_TASKS: Final = """
    UPDATE stepcache_tasks
       SET state = :state, finished_at = :finished_at
     WHERE run_id = :run_id AND state IN ('PENDING', 'RUNNING')"""
RUN_COLUMNS: Final = (
    "run_id, pipeline, state, holder, created_at, finished_at, namespace, source, parameters, outputs, error"
)


class Dialect(Protocol):
    """What a kind of server says in its own words. Each method is one statement, or says why it is not."""

    shared: SharedStatements

    async def take(self, connection: Connection, values: Values, *, is_first: bool) -> None:
        """Take the claim of a key if it is free: one conditional upsert. Whether it was is read afterwards.
        ``is_first``: a moment ago the key had no row.
        """

    async def give_back(self, connection: Connection, values: Values) -> int | None:
        """Release a claim under its fence; answer when it was granted, or None, and nothing is changed."""

    async def insert_entry(self, connection: Connection, values: Values) -> int | None:
        """Insert the entry of a key; None when there is one, and nothing is changed."""

    async def store_entry(self, connection: Connection, values: Values) -> int:
        """Insert the entry of a key, or replace it in place; answer its ID."""

    async def store_details(self, connection: Connection, values: Values) -> Row:
        """Insert or replace what belongs to an entry. Answers, of what is stored now: the clock, the entry's
        ``StartedAtInSec`` and ``EndedAtInSec``, ``started_at``, and whether the entry had artifacts.
        """

    async def watch(self, connection: Connection, keys: Collection[str]) -> Mapping[str, KeyState]:
        """The states of all ``keys``."""

    async def settle(self, connection: Connection, name: str, value: str) -> None:
        """Keep a value unless there is one."""

    async def save_run(self, connection: Connection, values: Values) -> None:
        """Insert or replace."""

    async def save_tasks(self, connection: Connection, many: list[dict[str, Any]]) -> None:
        """Insert or replace."""

    async def finish_run(self, connection: Connection, values: Values, unless: tuple[str, ...]) -> bool:
        """End a run unless its state is one of ``unless``."""


class SharedStatements:
    """The statements that every dialect understands, with ``clock`` as their clock."""

    def __init__(self, style: Style, clock: str, *, has_details: bool = True, is_unique: bool = True) -> None:
        self.style: Style = style
        self.clock = clock

        def made(template: str) -> Statement:
            text = template.replace("$clock", clock)
            if not has_details:
                text = text.replace("LEFT JOIN execution_details d", f"LEFT JOIN {_NO_DETAILS} d")
                text = text.replace('d.entry_id = e."ID"', "d.entry_id IS NOT NULL")
            return Statement(text, style)

        self.lookup = made(_LOOKUP if is_unique else _LOOKUP_AMONG_DUPLICATES)
        self.look = made(_LOOK)
        self.describe = made(_DESCRIBE)
        self.lock_entry = made('SELECT "ID" FROM execution_caches WHERE "ExecutionCacheKey" = :key FOR UPDATE')
        self.delete_entry = made('DELETE FROM execution_caches WHERE "ID" = :entry_id')
        self.delete_details = made("DELETE FROM execution_details WHERE entry_id = :entry_id")
        self.delete_artifacts = made("DELETE FROM execution_artifacts WHERE entry_id = :entry_id")
        self.insert_artifact = made(
            "INSERT INTO execution_artifacts (entry_id, digest, size) VALUES (:entry_id, :digest, :size)"
        )
        self.count_hits = made(_COUNT_HITS)
        self.duplicates = made(_DUPLICATES)
        self.renew = made(_RENEW)
        self.lock_claim = made("SELECT released_at FROM execution_claims WHERE cache_key = :key FOR UPDATE")
        self.revoke = made(_REVOKE)
        self.claim = made(f"SELECT {CLAIM_COLUMNS} FROM execution_claims c WHERE c.cache_key = :key")
        self.settled = made("SELECT value FROM stepcache_settings WHERE name = :name")
        self.finish_tasks = made(_FINISH_TASKS)
        runs = f"SELECT {RUN_COLUMNS} FROM stepcache_runs"
        self.run = made(f"{runs} WHERE run_id = :run_id")
        self.runs = made(f"{runs} ORDER BY created_at DESC, run_id LIMIT :limit")
        self.runs_in_state = made(f"{runs} WHERE state = :state ORDER BY created_at DESC, run_id LIMIT :limit")
        self.tasks = made(
            f"SELECT {TASK_COLUMNS} FROM stepcache_tasks WHERE run_id = :run_id ORDER BY position, name"
        )


def run_row(row: Row) -> RunRow:
    """The run of a row of ``RUN_COLUMNS``."""
    return RunRow(*row)


def task_row(row: Row) -> TaskRow:
    """The task of a row of ``TASK_COLUMNS``."""
    return TaskRow(*row)
