"""Entries are found by when they were last used, as collecting the least recently used ones needs it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAME = "ix_execution_details_used_at"


def upgrade() -> None:
    """Add the index, unless a migration that was killed has done so."""
    if _NAME not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("execution_details")}:
        op.create_index(_NAME, "execution_details", ["used_at"])
