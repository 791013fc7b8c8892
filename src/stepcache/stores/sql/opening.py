"""From a driver to a store: look what is there, make what is missing, refuse what will not do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from stepcache.errors import StepcacheError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.sql import schema
from stepcache.stores.sql.connection import Driver
from stepcache.stores.sql.database import PATIENCE, SqlDatabase
from stepcache.stores.sql.dialect import Dialect
from stepcache.stores.sql.schema import Catalogue, Found
from stepcache.stores.sql.store import SqlStore


class MakeDialect(Protocol):
    """A dialect's class."""

    def __call__(self, clock: str = ..., *, has_details: bool = ..., is_unique: bool = ...) -> Dialect:
        """See ``sql.dialect.SharedStatements``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of server."""

    catalogue: Catalogue
    clock: str
    dialect: MakeDialect
    upgrade: Callable[[Driver, str], Awaitable[None]]
    """Brings the tables to a version, by a driver."""


async def open_store(
    driver: Driver, kind: Kind, *, clock: str | None = None, patience: float = PATIENCE
) -> SqlStore:
    """Open the store; make the tables in a database that has none, or only KFP's own with a unique index.

    Raises InputError and StoreUnavailableError.
    """
    database = SqlDatabase(driver, patience=patience)
    try:
        await database.open()
        found = await _look(database, kind)
        if not found.version and not found.must_stay_as_it_is():
            await _upgrade(driver, kind)
            found = await _look(database, kind)
        schema.check_current(found, driver.address)
    except BaseException:
        await database.close()
        raise
    has_details = bool(found.version)
    dialect = kind.dialect(clock or kind.clock, has_details=has_details, is_unique=found.is_unique)
    return SqlStore(database, dialect, refusal=schema.refusal(found, driver.address))


async def open_to_read(driver: Driver, kind: Kind) -> SqlStore | None:
    """The store as it stands; None, and nothing left open, where the tables were never made. Makes none.

    Raises InputError and StoreUnavailableError.
    """
    database = SqlDatabase(driver)
    is_there = False
    try:
        await database.open()
        found = await _look(database, kind)
        schema.check_current(found, driver.address)
        is_there = bool(found.version)
    finally:
        if not is_there:
            await database.close()
    return SqlStore(database, kind.dialect(kind.clock, is_unique=found.is_unique)) if is_there else None


async def migrate(driver: Driver, kind: Kind) -> tuple[str, str]:
    """Bring the tables to this release's; the versions before (empty for none) and after.

    Raises InputError and StoreUnavailableError.
    """
    database = SqlDatabase(driver)
    try:
        await database.open()
        before = await _look(database, kind)
        refusal = schema.refusal(before, driver.address)
        if refusal is not None:
            raise refusal
        if not before.is_current:
            await _upgrade(driver, kind)
        return before.version, (await _look(database, kind)).version
    finally:
        await database.close()


async def _look(database: SqlDatabase, kind: Kind) -> Found:
    found = await database.run(schema.inspect, kind.catalogue)
    schema.check(found, database.driver.address)
    return found


async def _upgrade(driver: Driver, kind: Kind) -> None:
    try:
        await kind.upgrade(driver, "head")
    except StepcacheError:
        raise
    except Exception as error:
        # SQLAlchemy puts its own error around the driver's.
        raise driver.explained(_innermost(error)) from error


def _innermost(error: BaseException) -> BaseException:
    while (cause := getattr(error, "orig", None) or error.__cause__) is not None:
        error = cause
    return error
