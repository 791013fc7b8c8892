"""What a run reused and what it was asked, for those who look back at it.

MySQL ends a transaction at each statement of this kind. What a migration that was killed has made, the next one
finds.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

_TASKS = "stepcache_tasks"


def _name() -> sa.types.TypeEngine[str]:
    variant = mysql.VARCHAR(191, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.Text().with_variant(variant, "mysql", "mariadb")


def _text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def _add(column: sa.Column[Any], value: str) -> None:
    """A column of tasks, which has ``value`` in the rows that are there."""
    nullable = {found["name"]: found["nullable"] for found in sa.inspect(op.get_bind()).get_columns(_TASKS)}
    if not nullable.get(column.name, True):
        return
    if column.name not in nullable:
        op.add_column(_TASKS, column)
    # A text of MySQL has no default, so it is filled before it is made compulsory.
    op.execute(f"UPDATE {_TASKS} SET {column.name} = {value} WHERE {column.name} IS NULL")
    op.alter_column(_TASKS, column.name, existing_type=column.type, nullable=False)


def _index(name: str, table: str, columns: list[str], **options: Any) -> None:
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns, **options)


def upgrade() -> None:
    """Make what is missing."""
    _add(sa.Column("published_by", _name()), "''")
    _add(sa.Column("saved", sa.Double), "0")
    _add(sa.Column("parts", _text()), "''")
    _index("ix_stepcache_tasks_cache_key", _TASKS, ["cache_key"], mysql_length={"cache_key": 64})
    pipeline = ["pipeline", "created_at"]
    _index("ix_stepcache_runs_pipeline", "stepcache_runs", pipeline, mysql_length={"pipeline": 191})
    _index("ix_execution_artifacts_digest", "execution_artifacts", ["digest"])
    op.create_table(
        "stepcache_run_requests",
        sa.Column("run_id", _name(), primary_key=True),
        sa.Column("request", _text(), nullable=False),
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
