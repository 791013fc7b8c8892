"""What is said to MySQL and MariaDB, in the words that both understand (protocol.md, SQL rules)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stepcache.stores.claim import KeyState
from stepcache.stores.runs import TASK_COLUMNS
from stepcache.stores.sql.connection import Connection, DuplicateKeyError, Row, Values
from stepcache.stores.sql.dialect import CLAIM_COLUMNS, RUN_COLUMNS, SharedStatements
from stepcache.stores.sql.rows import ClaimRow, publisher, state
from stepcache.stores.sql.statement import Statement

CLOCK: Final = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000"
"""The server's clock at the beginning of the statement, whatever the session's time zone; NOW() jumps with it."""

_MOST_KEYS: Final = 5000
"""How many keys one statement names: 0.7 MB of text, far below what a server takes."""

# Assignments are made from left to right, each seeing those before it: what is compared is assigned last.
_TAKE: Final = """
    UPDATE execution_claims
       SET token = CASE WHEN released_at IS NULL AND claim_id = :claim_id THEN token ELSE token + 1 END,
           claimed_at = CASE WHEN released_at IS NULL AND claim_id = :claim_id THEN claimed_at ELSE $clock END,
           revoked_claim_id = CASE WHEN revoked_claim_id = :claim_id THEN '' ELSE revoked_claim_id END,
           claim_id = :claim_id,
           holder = :holder,
           lease_until = $clock + :lease,
           released_at = NULL
     WHERE cache_key = :key
       AND (released_at IS NOT NULL
            OR lease_until <= $clock
            OR CAST(holder AS BINARY) = CAST(:dead_holder AS BINARY)
            OR claim_id = :claim_id)"""
_FIRST_CLAIM: Final = """
    INSERT INTO execution_claims (cache_key, claim_id, token, holder, lease_until, claimed_at, revoked_claim_id,
                                  failures, failure)
    VALUES (:key, :claim_id, 1, :holder, $clock + :lease, $clock, '', 0, '')"""

# LAST_INSERT_ID(x) is x, and is told beside the answer: there is no RETURNING that both servers know.
_GIVE_BACK: Final = """
    UPDATE execution_claims
       SET claimed_at = LAST_INSERT_ID(claimed_at),
           released_at = $clock,
           failures = failures + (:failure IS NOT NULL),
           failure = COALESCE(:failure, failure)
     WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NULL"""

_INSERT_ENTRY: Final = """
    INSERT INTO execution_caches ("ExecutionCacheKey", "ExecutionTemplate", "ExecutionOutput", "MaxCacheStaleness",
                                  "StartedAtInSec", "EndedAtInSec")
    VALUES (:key, :template, :output, :max_staleness, COALESCE(:started_at, $clock) DIV 1000, $clock DIV 1000)"""
# In place: pods carry the ID in a label.
_OR_REPLACE: Final = """
    ON DUPLICATE KEY UPDATE "ID" = LAST_INSERT_ID("ID"),
                            "ExecutionTemplate" = VALUES("ExecutionTemplate"),
                            "ExecutionOutput" = VALUES("ExecutionOutput"),
                            "MaxCacheStaleness" = VALUES("MaxCacheStaleness"),
                            "StartedAtInSec" = VALUES("StartedAtInSec"),
                            "EndedAtInSec" = VALUES("EndedAtInSec")"""

# The hits of the result before this one still count for the key.
_STORE_DETAILS: Final = """
    INSERT INTO execution_details (entry_id, published_by, started_at, namespace, pipeline, component, task, run_id,
                                   duration, parts, hits, used_at)
    VALUES (:entry_id, :published_by, COALESCE(:started_at, $clock), :namespace, :pipeline, :component, :task,
            :run_id, :duration, :parts, 0, $clock)
    ON DUPLICATE KEY UPDATE published_by = VALUES(published_by),
                            started_at = VALUES(started_at),
                            namespace = VALUES(namespace),
                            pipeline = VALUES(pipeline),
                            component = VALUES(component),
                            task = VALUES(task),
                            run_id = VALUES(run_id),
                            duration = VALUES(duration),
                            parts = VALUES(parts),
                            used_at = VALUES(used_at)"""

# One statement, so one moment. There is no list parameter, nor a table made of one, in words of both servers.
_STORED: Final = """
    SELECT d.used_at, e."StartedAtInSec", e."EndedAtInSec", d.started_at,
           EXISTS (SELECT 1 FROM execution_artifacts a WHERE a.entry_id = :entry_id)
      FROM execution_caches e
      JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ID" = :entry_id"""

_WATCH: Final = f"""
    SELECT $clock, e."ExecutionCacheKey", e."ID", d.published_by,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ExecutionCacheKey" IN ($keys)
     UNION ALL
    SELECT $clock, c.cache_key, NULL, NULL, {CLAIM_COLUMNS}
      FROM execution_claims c
     WHERE c.cache_key IN ($keys)"""

_FINISH_RUN: Final = """
    UPDATE stepcache_runs
       SET state = :state, finished_at = :finished_at, error = :error, outputs = :outputs
     WHERE run_id = :run_id AND FIND_IN_SET(state, :unless) = 0"""


def _save(table: str, columns: str) -> str:
    names = columns.replace("\n", " ").split(", ")
    values = ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = VALUES({name})" for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({values}) ON DUPLICATE KEY UPDATE {changes}"


class MysqlDialect:
    """``sql.dialect.Dialect`` for MySQL and MariaDB."""

    def __init__(self, clock: str = CLOCK, *, has_details: bool = True, is_unique: bool = True) -> None:
        def made(template: str) -> Statement:
            return Statement(template.replace("$clock", clock), "named")

        self._clock = clock
        self.shared = SharedStatements("named", clock, has_details=has_details, is_unique=is_unique)
        self._take = made(_TAKE)
        self._first_claim = made(_FIRST_CLAIM)
        self._give_back = made(_GIVE_BACK)
        self._insert_entry = made(_INSERT_ENTRY)
        self._store_entry = made(_INSERT_ENTRY + _OR_REPLACE)
        self._store_details = made(_STORE_DETAILS)
        self._stored = made(_STORED)
        self._settle = made("INSERT INTO stepcache_settings (name, value) VALUES (:name, :value)")
        self._finish_run = made(_FINISH_RUN)
        self._save_run = made(_save("stepcache_runs", RUN_COLUMNS))
        self._save_task = made(_save("stepcache_tasks", f"task_id, {TASK_COLUMNS}"))

    async def take(self, connection: Connection, values: Values, *, is_first: bool) -> None:
        """See ``Dialect``. An insert where there was no row, else an update; each is a transaction of its own.
        Together they would deadlock: a failed insert keeps a shared lock on the row that it met.

        Race: two first claims. The second meets the row of the first, and updates it if it may. Race: a row that is
        deleted between the look and the update. The caller looks again, and comes back.
        """
        if is_first:
            try:
                await connection.execute(self._first_claim, values)
            except DuplicateKeyError:
                is_first = False
        if not is_first:
            await connection.execute(self._take, values)

    async def give_back(self, connection: Connection, values: Values) -> int | None:
        """See ``Dialect``."""
        return connection.last_id if await connection.execute(self._give_back, values) else None

    async def insert_entry(self, connection: Connection, values: Values) -> int | None:
        """See ``Dialect``."""
        try:
            await connection.execute(self._insert_entry, values)
        except DuplicateKeyError:
            return None
        return connection.last_id

    async def store_entry(self, connection: Connection, values: Values) -> int:
        """See ``Dialect``. Who was first is no question here: the claim, or the row's lock, has answered it."""
        await connection.execute(self._store_entry, values)
        return connection.last_id

    async def store_details(self, connection: Connection, values: Values) -> Row:
        """See ``Dialect``. Two statements: there is no RETURNING that both servers know."""
        await connection.execute(self._store_details, values)
        (row,) = await connection.fetch(self._stored, values)
        return row

    async def watch(self, connection: Connection, keys: Collection[str]) -> Mapping[str, KeyState]:
        """See ``Dialect``. One read for each few thousand keys."""
        states: dict[str, KeyState] = {}
        listed = list(keys)
        for start in range(0, len(listed), _MOST_KEYS):
            some = listed[start : start + _MOST_KEYS]
            publishers: dict[str, str] = {}
            claims: dict[str, tuple[int, ClaimRow]] = {}
            # In the text: a key that passed the door is 64 hex digits.
            text = _WATCH.replace("$keys", ",".join([f"'{key}'" for key in some])).replace("$clock", self._clock)
            query = Statement(text, "named")
            for now, key, entry_id, published_by, *claim in await connection.fetch(query, {}):
                if entry_id is not None:
                    publishers[key] = publisher(entry_id, published_by)
                else:
                    claims[key] = now, ClaimRow(*claim)
            for key in some:
                moment, row = claims.get(key, (0, None))
                states[key] = state(key, moment, publishers.get(key, ""), row)
        return states

    async def settle(self, connection: Connection, name: str, value: str) -> None:
        """See ``Dialect``."""
        try:
            await connection.execute(self._settle, {"name": name, "value": value})
        except DuplicateKeyError:
            return

    async def save_run(self, connection: Connection, values: Values) -> None:
        """See ``Dialect``."""
        await connection.execute(self._save_run, values)

    async def save_tasks(self, connection: Connection, many: list[dict[str, Any]]) -> None:
        """See ``Dialect``."""
        await connection.execute_many(self._save_task, many)

    async def finish_run(self, connection: Connection, values: Values, unless: tuple[str, ...]) -> bool:
        """See ``Dialect``."""
        return await connection.execute(self._finish_run, {**values, "unless": ",".join(unless)}) > 0
