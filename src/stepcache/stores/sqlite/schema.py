"""The tables of an SQLite store, and what a file must be to get them.

``execution_caches`` has KFP's columns under KFP's names (backend/src/cache/model/execution_cache.go), and the
unique index that KFP's own lacks (protocol.md, Tables). Everything that KFP has no column for is beside it, under
the row's ID: AUTOINCREMENT never gives an ID twice, so the details of a row that another program deleted belong to
nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stepcache.errors import InputError, StoreUnavailableError

VERSION: Final = 4
"""Kept as SQLite's ``user_version``."""

APPLICATION_ID: Final = 0x53544348
"""Kept as SQLite's ``application_id``: "STCH". Tells a store from a database of another program."""

_KFP_COLUMNS: Final = (
    "ID",
    "ExecutionCacheKey",
    "ExecutionTemplate",
    "ExecutionOutput",
    "MaxCacheStaleness",
    "StartedAtInSec",
    "EndedAtInSec",
)

_KFP_TABLE: Final = (
    """CREATE TABLE execution_caches (
        ID INTEGER PRIMARY KEY AUTOINCREMENT,
        ExecutionCacheKey VARCHAR(191) NOT NULL,
        ExecutionTemplate TEXT NOT NULL,
        ExecutionOutput TEXT NOT NULL,
        MaxCacheStaleness BIGINT NOT NULL,
        StartedAtInSec BIGINT NOT NULL,
        EndedAtInSec BIGINT NOT NULL
    )""",
    "CREATE UNIQUE INDEX uq_execution_caches_key ON execution_caches (ExecutionCacheKey)",
)

_OTHER_TABLES: Final = (
    # Moments with a name in _at or _until are milliseconds since the epoch by the database's clock, except in runs
    # and tasks, which keep an engine's own account.
    """CREATE TABLE execution_details (
        entry_id INTEGER PRIMARY KEY,
        published_by TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        component TEXT NOT NULL,
        task TEXT NOT NULL,
        run_id TEXT NOT NULL,
        duration REAL NOT NULL,
        parts TEXT NOT NULL,
        hits INTEGER NOT NULL DEFAULT 0,
        used_at INTEGER NOT NULL
    )""",
    """CREATE TABLE execution_artifacts (
        entry_id INTEGER NOT NULL,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (entry_id, digest)
    ) WITHOUT ROWID""",
    # The row outlives a release: released_at is NULL while claim_id is held.
    """CREATE TABLE execution_claims (
        cache_key TEXT PRIMARY KEY,
        claim_id TEXT NOT NULL,
        token INTEGER NOT NULL,
        holder TEXT NOT NULL,
        lease_until INTEGER NOT NULL,
        claimed_at INTEGER NOT NULL,
        released_at INTEGER,
        revoked_claim_id TEXT NOT NULL DEFAULT '',
        failures INTEGER NOT NULL DEFAULT 0,
        failure TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        state TEXT NOT NULL,
        holder TEXT NOT NULL,
        created_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        namespace TEXT NOT NULL,
        source TEXT NOT NULL,
        parameters TEXT NOT NULL,
        outputs TEXT NOT NULL,
        error TEXT NOT NULL
    )""",
    "CREATE INDEX ix_runs_created_at ON runs (created_at)",
    "CREATE INDEX ix_runs_state ON runs (state, created_at)",
    """CREATE TABLE tasks (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        state TEXT NOT NULL,
        component TEXT NOT NULL,
        result TEXT NOT NULL,
        reason TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        log TEXT NOT NULL,
        error TEXT NOT NULL,
        outputs TEXT NOT NULL,
        PRIMARY KEY (run_id, name)
    )""",
)

_UPGRADES: Final = {
    # Least recently used first, as collecting them needs it.
    2: ("CREATE INDEX ix_execution_details_used_at ON execution_details (used_at)",),
    # What a run reused and what it was asked, for those who look back at it.
    3: (
        "ALTER TABLE tasks ADD COLUMN published_by TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tasks ADD COLUMN saved REAL NOT NULL DEFAULT 0",
        "ALTER TABLE tasks ADD COLUMN parts TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX ix_tasks_executed ON tasks (cache_key) WHERE result = 'miss'",
        "CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at)",
        "CREATE INDEX ix_execution_artifacts_digest ON execution_artifacts (digest)",
        "CREATE TABLE run_requests (run_id TEXT PRIMARY KEY, request TEXT NOT NULL)",
    ),
    # Why a task was executed, and what was executed of a component before.
    4: (
        "ALTER TABLE tasks ADD COLUMN evidence TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tasks ADD COLUMN members INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX ix_tasks_component ON tasks (component, started_at) WHERE result = 'miss'",
    ),
}
"""What leads to each version from the one before. What has been released is never changed."""


def version(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 if there are none of ours."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has the tables of this release; False when they can be made in it, or out of those of an
    older one. Changes nothing.

    Race: another process that makes the tables. All is read in one transaction: a version from before and tables
    from after would be those of another program (``test_a_file_that_is_made_meanwhile_is_not_foreign``).

    Raises InputError for a database of another program, and StoreUnavailableError for one that a newer stepcache
    made or that lacks the unique index on which P1 rests.
    """
    with _at_one_moment(connection):
        return _is_current(connection, path)


@contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read sees the same state of the file; nothing is to be written."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()  # if no error has ended it before


def _is_current(connection: sqlite3.Connection, path: Path) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    found = version(connection)
    columns = tuple(row[1] for row in connection.execute("PRAGMA table_info(execution_caches)"))
    if application not in (0, APPLICATION_ID) or (application == 0 and found != 0):
        raise _foreign(path)
    if found > VERSION:
        raise StoreUnavailableError(
            f"{path} was made by a newer stepcache (its schema version is {found}, this one knows {VERSION})",
            remedy="upgrade stepcache, or give another file by --store",
        )
    if columns:
        _check_kfp_table(connection, path, columns)
    elif connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
        raise _foreign(path)
    return found == VERSION


def can_be_read(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has the tables of this release; False for an empty file.

    Changes nothing. Raises as ``is_current`` does, and StoreUnavailableError for the tables of an older release.
    """
    with _at_one_moment(connection):
        if is_current(connection, path):
            return True
        found = version(connection)
    if found:
        raise StoreUnavailableError(
            f"{path} was made by an older stepcache (its schema version is {found}, this one needs {VERSION})",
            remedy=f"run: stepcache --store sqlite:///{path} migrate",
        )
    return False


def create(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to this release; the body of one immediate transaction.

    Many processes that open a new file at once: the first makes the tables, the others find them
    (``test_many_processes_may_create_a_store_at_once``).
    """
    if is_current(connection, path):
        return
    found = version(connection)
    if found == 0:
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'execution_caches'").fetchone()
        for statement in (*(() if made else _KFP_TABLE), *_OTHER_TABLES):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number in range(max(found, 1) + 1, VERSION + 1):
        for statement in _UPGRADES[number]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _check_kfp_table(connection: sqlite3.Connection, path: Path, columns: tuple[str, ...]) -> None:
    if sorted(columns) != sorted(_KFP_COLUMNS):
        raise StoreUnavailableError(
            f"the table execution_caches in {path} has other columns than KFP's up to 2.17: {', '.join(columns)}",
            remedy="give another file by --store",
        )
    # Not every unique index will do: one over several columns, or over some rows, lets duplicates in.
    for _, name, unique, _, partial in connection.execute("PRAGMA index_list(execution_caches)").fetchall():
        indexed = [row[0] for row in connection.execute("SELECT name FROM pragma_index_info(?)", (name,))]
        if unique and not partial and indexed == ["ExecutionCacheKey"]:
            return
    raise StoreUnavailableError(
        f"the table execution_caches in {path} has no unique index on ExecutionCacheKey, so it may hold duplicates",
        remedy=f"run: stepcache repair sqlite:///{path}",
    )


def _foreign(path: Path) -> InputError:
    return InputError(f"{path} is the database of another program", remedy="give another file by --store")
