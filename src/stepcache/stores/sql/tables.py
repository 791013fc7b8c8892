"""The tables of a store on a server, as declared. Migrations make them; a test compares the two.

``execution_caches`` has KFP's columns under KFP's names (backend/src/cache/model/execution_cache.go), and the
unique index that KFP's own lacks. Everything that KFP has no column for is beside it, under the row's ID, which is
never given twice. Imported for migrations only: SQLAlchemy takes longer to import than a store takes to open.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

METADATA = MetaData()


def _name(length: int) -> TypeEngine[str]:
    """A short text that may be in an index."""
    return Text().with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )


def _hex() -> TypeEngine[str]:
    """A digest, compared byte for byte: text collations take ``abc``, ``ABC`` and ``abc `` for one."""
    return Text().with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")


def _text() -> TypeEngine[str]:
    """A text of any length."""
    return Text().with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def _cache_key() -> TypeEngine[str]:
    """As KFP has it: 191 characters are what an index of old MySQL took."""
    return String(191).with_variant(mysql.VARCHAR(191, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")


_INNODB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

EXECUTION_CACHES = Table(
    "execution_caches",
    METADATA,
    Column("ID", BigInteger, primary_key=True, autoincrement=True),
    Column("ExecutionCacheKey", _cache_key(), nullable=False),
    Column("ExecutionTemplate", _text(), nullable=False),
    Column("ExecutionOutput", _text(), nullable=False),
    Column("MaxCacheStaleness", BigInteger, nullable=False),
    Column("StartedAtInSec", BigInteger, nullable=False),
    Column("EndedAtInSec", BigInteger, nullable=False),
    UniqueConstraint("ExecutionCacheKey", name="uq_execution_caches_key"),
    **_INNODB,
)

# Moments with a name in _at or _until are milliseconds since the epoch by the database's clock, except in runs and
# tasks, which keep an engine's own account.
EXECUTION_DETAILS = Table(
    "execution_details",
    METADATA,
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("published_by", _name(191), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("namespace", _text(), nullable=False),
    Column("pipeline", _text(), nullable=False),
    Column("component", _text(), nullable=False),
    Column("task", _text(), nullable=False),
    Column("run_id", _text(), nullable=False),
    Column("duration", Double, nullable=False),
    Column("parts", _text(), nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("ix_execution_details_used_at", "used_at"),
    **_INNODB,
)

EXECUTION_ARTIFACTS = Table(
    "execution_artifacts",
    METADATA,
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", _hex(), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Index("ix_execution_artifacts_digest", "digest"),
    **_INNODB,
)

# The row outlives a release: released_at is NULL while claim_id is held.
EXECUTION_CLAIMS = Table(
    "execution_claims",
    METADATA,
    Column("cache_key", _hex(), primary_key=True),
    Column("claim_id", _hex(), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("holder", _text(), nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("claimed_at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    Column("revoked_claim_id", _hex(), nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("failure", _text(), nullable=False),
    **_INNODB,
)

SETTINGS = Table(
    "stepcache_settings",
    METADATA,
    Column("name", _name(191), primary_key=True),
    Column("value", _text(), nullable=False),
    **_INNODB,
)

RUNS = Table(
    "stepcache_runs",
    METADATA,
    Column("run_id", _name(191), primary_key=True),
    Column("pipeline", _text(), nullable=False),
    Column("state", _name(32), nullable=False),
    Column("holder", _text(), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("namespace", _text(), nullable=False),
    Column("source", _text(), nullable=False),
    Column("parameters", _text(), nullable=False),
    Column("outputs", _text(), nullable=False),
    Column("error", _text(), nullable=False),
    Index("ix_stepcache_runs_created_at", "created_at"),
    Index("ix_stepcache_runs_state", "state", "created_at"),
    Index("ix_stepcache_runs_pipeline", "pipeline", "created_at", mysql_length={"pipeline": 191}),
    **_INNODB,
)

RUN_REQUESTS = Table(
    "stepcache_run_requests",
    METADATA,
    Column("run_id", _name(191), primary_key=True),
    Column("request", _text(), nullable=False),
    **_INNODB,
)

TASKS = Table(
    "stepcache_tasks",
    METADATA,
    Column("task_id", _hex(), primary_key=True),
    Column("run_id", _name(191), nullable=False),
    Column("name", _text(), nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", _name(32), nullable=False),
    Column("component", _text(), nullable=False),
    Column("result", _text(), nullable=False),
    Column("reason", _text(), nullable=False),
    Column("cache_key", _text(), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("log", _text(), nullable=False),
    Column("error", _text(), nullable=False),
    Column("outputs", _text(), nullable=False),
    Column("published_by", _name(191), nullable=False),
    Column("saved", Double, nullable=False),
    Column("parts", _text(), nullable=False),
    Column("evidence", _text(), nullable=False),
    Column("members", Integer, nullable=False),
    Index("ix_stepcache_tasks_run_id", "run_id"),
    Index("ix_stepcache_tasks_cache_key", "cache_key", mysql_length={"cache_key": 64}),
    Index(
        "ix_stepcache_tasks_component",
        "component",
        "started_at",
        mysql_length={"component": 191},
        postgresql_where=text("result = 'miss'"),
    ),
    **_INNODB,
)
