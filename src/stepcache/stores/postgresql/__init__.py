"""The store on PostgreSQL."""

from __future__ import annotations

from typing import Final

from stepcache.stores.postgresql.dialect import CLOCK, PostgresqlDialect
from stepcache.stores.postgresql.driver import PostgresqlDriver
from stepcache.stores.sql import migration
from stepcache.stores.sql.connection import Driver
from stepcache.stores.sql.opening import Kind
from stepcache.stores.sql.schema import Catalogue

_UNIQUE: Final = """
    SELECT 1
      FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = to_regclass('execution_caches')
       AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1
       AND a.attname = 'ExecutionCacheKey'"""


async def _upgrade(driver: Driver, version: str) -> None:
    await migration.upgrade(
        driver,
        url="postgresql+asyncpg://",
        lock="SELECT set_config('lock_timeout', '60s', true), pg_advisory_xact_lock(1398031176)",  # "STCH"
        unlock="",
        version=version,
    )


POSTGRESQL: Final = Kind(
    catalogue=Catalogue("current_schema()", _UNIQUE, "numbered"),
    clock=CLOCK,
    dialect=PostgresqlDialect,
    upgrade=_upgrade,
)

__all__ = ["POSTGRESQL", "PostgresqlDriver"]
