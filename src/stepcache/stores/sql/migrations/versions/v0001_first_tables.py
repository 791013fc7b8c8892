"""The tables of the first release. KFP's own is made only where there is none.

MySQL ends a transaction at each statement of this kind. What a migration that was killed has made, the next one
finds.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

_Kind = sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]]


def _varchar(length: int, charset: str, other: sa.types.TypeEngine[str] | None = None) -> sa.types.TypeEngine[str]:
    variant = mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin")
    return (other or sa.Text()).with_variant(variant, "mysql", "mariadb")


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def _column(name: str, kind: _Kind) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        *parts,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def _index(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns, unique=unique)


def upgrade() -> None:
    """Make what is missing."""
    if not sa.inspect(op.get_bind()).has_table("execution_caches"):
        _entries()
    _details()
    _claims()
    _runs()


def _entries() -> None:
    # With its index in one statement: a table without it would be taken for one of KFP's.
    _table(
        "execution_caches",
        sa.Column("ID", sa.BigInteger, primary_key=True, autoincrement=True),
        _column("ExecutionCacheKey", _varchar(191, "ascii", sa.String(191))),
        _column("ExecutionTemplate", _text()),
        _column("ExecutionOutput", _text()),
        _column("MaxCacheStaleness", sa.BigInteger),
        _column("StartedAtInSec", sa.BigInteger),
        _column("EndedAtInSec", sa.BigInteger),
        sa.UniqueConstraint("ExecutionCacheKey", name="uq_execution_caches_key"),
    )


def _details() -> None:
    _table(
        "execution_details",
        sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
        _column("published_by", _varchar(191, "utf8mb4")),
        _column("started_at", sa.BigInteger),
        *(_column(name, _text()) for name in ("namespace", "pipeline", "component", "task", "run_id")),
        _column("duration", sa.Double),
        _column("parts", _text()),
        _column("hits", sa.BigInteger),
        _column("used_at", sa.BigInteger),
    )
    _table(
        "execution_artifacts",
        sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", _varchar(64, "ascii"), primary_key=True),
        _column("size", sa.BigInteger),
    )


def _claims() -> None:
    _table(
        "execution_claims",
        sa.Column("cache_key", _varchar(64, "ascii"), primary_key=True),
        _column("claim_id", _varchar(64, "ascii")),
        _column("token", sa.BigInteger),
        _column("holder", _text()),
        _column("lease_until", sa.BigInteger),
        _column("claimed_at", sa.BigInteger),
        sa.Column("released_at", sa.BigInteger),
        _column("revoked_claim_id", _varchar(64, "ascii")),
        _column("failures", sa.BigInteger),
        _column("failure", _text()),
    )


def _runs() -> None:
    _table(
        "stepcache_settings",
        sa.Column("name", _varchar(191, "utf8mb4"), primary_key=True),
        _column("value", _text()),
    )
    _table(
        "stepcache_runs",
        sa.Column("run_id", _varchar(191, "utf8mb4"), primary_key=True),
        _column("pipeline", _text()),
        _column("state", _varchar(32, "utf8mb4")),
        _column("holder", _text()),
        *(_column(name, sa.Double) for name in ("created_at", "finished_at")),
        *(_column(name, _text()) for name in ("namespace", "source", "parameters", "outputs", "error")),
    )
    _index("ix_stepcache_runs_created_at", "stepcache_runs", ["created_at"])
    _index("ix_stepcache_runs_state", "stepcache_runs", ["state", "created_at"])
    _table(
        "stepcache_tasks",
        sa.Column("task_id", _varchar(64, "ascii"), primary_key=True),
        _column("run_id", _varchar(191, "utf8mb4")),
        _column("name", _text()),
        _column("position", sa.Integer),
        _column("state", _varchar(32, "utf8mb4")),
        *(_column(name, _text()) for name in ("component", "result", "reason", "cache_key")),
        *(_column(name, sa.Double) for name in ("started_at", "finished_at")),
        *(_column(name, _text()) for name in ("log", "error", "outputs")),
    )
    _index("ix_stepcache_tasks_run_id", "stepcache_tasks", ["run_id"])
