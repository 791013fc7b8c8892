"""Run by Alembic: apply the migrations to the connection that ``sql.migration`` hands over."""

from alembic import context

from stepcache.stores.sql.schema import VERSION_TABLE
from stepcache.stores.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
