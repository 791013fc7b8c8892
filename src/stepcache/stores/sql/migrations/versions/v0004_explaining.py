"""Why a task was executed, and what was executed of a component before, for those who explain it.

MySQL ends a transaction at each statement of this kind. What a migration that was killed has made, the next one
finds.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

_TASKS = "stepcache_tasks"
_INDEX = "ix_stepcache_tasks_component"


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


def upgrade() -> None:
    """Make what is missing."""
    _add(sa.Column("evidence", _text()), "''")
    _add(sa.Column("members", sa.Integer), "0")
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TASKS)}:
        op.create_index(
            _INDEX,
            _TASKS,
            ["component", "started_at"],
            mysql_length={"component": 191},
            postgresql_where=sa.text("result = 'miss'"),
        )
