"""The store on MySQL and MariaDB."""

from __future__ import annotations

import hashlib
from typing import Final

from stepcache.stores.mysql.dialect import CLOCK, MysqlDialect
from stepcache.stores.mysql.driver import MysqlDriver
from stepcache.stores.sql import migration
from stepcache.stores.sql.connection import Driver
from stepcache.stores.sql.opening import Kind
from stepcache.stores.sql.schema import Catalogue

_UNIQUE: Final = """
    SELECT index_name
      FROM information_schema.statistics
     WHERE table_schema = DATABASE() AND table_name = 'execution_caches'
     GROUP BY index_name
    HAVING COUNT(*) = 1 AND MAX(non_unique) = 0 AND MAX(column_name) = 'ExecutionCacheKey'
       AND MAX(sub_part) IS NULL"""


async def _upgrade(driver: Driver, version: str) -> None:
    # Locks of this kind are the server's, and their names short.
    name = hashlib.sha1(driver.address.database.encode(), usedforsecurity=False).hexdigest()
    await migration.upgrade(
        driver,
        url="mysql+aiomysql://",
        lock=f"SELECT GET_LOCK('stepcache {name}', 60)",
        unlock=f"SELECT RELEASE_LOCK('stepcache {name}')",
        version=version,
    )


MYSQL: Final = Kind(
    catalogue=Catalogue("DATABASE()", _UNIQUE, "named"),
    clock=CLOCK,
    dialect=MysqlDialect,
    upgrade=_upgrade,
)

__all__ = ["MYSQL", "MysqlDriver"]
