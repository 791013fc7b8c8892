"""What is found in a database, and what follows from it. Nothing here changes anything."""

from __future__ import annotations

from typing import Final

from stepcache.errors import StepcacheError, StoreUnavailableError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.sql.address import Address
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.statement import Statement, Style

VERSIONS: Final = ("0001", "0002", "0003", "0004")
"""Every version of the tables, oldest first; ``sql/migrations`` leads from each to the next."""

VERSION_TABLE: Final = "stepcache_schema"
KFP_TABLE: Final = "execution_caches"

_KFP_COLUMNS: Final = frozenset(
    {
        "ID",
        "ExecutionCacheKey",
        "ExecutionTemplate",
        "ExecutionOutput",
        "MaxCacheStaleness",
        "StartedAtInSec",
        "EndedAtInSec",
    }
)
_COLUMNS: Final = f"""
    SELECT table_name, column_name
      FROM information_schema.columns
     WHERE table_schema = $schema AND table_name IN ('{KFP_TABLE}', '{VERSION_TABLE}')"""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a kind of server is asked about its tables."""

    schema: str
    """An expression for the schema in which the store's tables are."""
    unique: str
    """A query with a row if, and only if, KFP's table has a unique index over ``ExecutionCacheKey`` and nothing
    else, and over all rows.
    """
    style: Style


@dataclass(frozen=True, slots=True)
class Found:
    """What there is."""

    columns: frozenset[str]
    """Of KFP's table; none if there is no such table."""
    is_unique: bool
    version: str
    """Of our tables; empty if they were never finished."""

    @property
    def is_current(self) -> bool:
        """Whether our tables are those of this release."""
        return self.version == VERSIONS[-1]

    def must_stay_as_it_is(self) -> bool:
        """Whether this is KFP's own table, which nobody may write until it is repaired."""
        return bool(self.columns) and not self.is_unique


async def inspect(connection: Connection, catalogue: Catalogue) -> Found:
    """Look."""
    columns: dict[str, set[str]] = {}
    text = _COLUMNS.replace("$schema", catalogue.schema)
    for table, column in await connection.fetch(Statement(text, catalogue.style), {}):
        columns.setdefault(table, set()).add(column)
    unique, version = False, ""
    if KFP_TABLE in columns:
        unique = bool(await connection.fetch(Statement(catalogue.unique, catalogue.style), {}))
    if VERSION_TABLE in columns:
        query = Statement(f"SELECT version_num FROM {VERSION_TABLE}", catalogue.style)
        version = next((str(row[0]) for row in await connection.fetch(query, {})), "")
    return Found(frozenset(columns.get(KFP_TABLE, ())), unique, version)


def check(found: Found, address: Address) -> None:
    """Raise StoreUnavailableError for a database that this release can do nothing with."""
    if found.columns and found.columns != _KFP_COLUMNS:
        other = ", ".join(sorted(found.columns ^ _KFP_COLUMNS))
        raise StoreUnavailableError(
            f"the table {KFP_TABLE} in {address.place} has other columns than KFP's up to 2.17 ({other})",
            remedy="give another database by --store",
        )
    if found.version and found.version not in VERSIONS:
        raise StoreUnavailableError(
            f"{address.place} was made by a newer stepcache (its schema version is {found.version}, this one knows"
            f" {VERSIONS[-1]})",
            remedy="upgrade stepcache, or give another database by --store",
        )


def refusal(found: Found, address: Address) -> StepcacheError | None:
    """What writes are answered with, if this is a database that may only be read."""
    if not found.must_stay_as_it_is():
        return None
    return StoreUnavailableError(
        f"the table {KFP_TABLE} in {address.place} has no unique index on ExecutionCacheKey, so it may hold"
        " duplicates: it can only be read",
        remedy=f"run: stepcache repair {address.shown}",
    )


def check_current(found: Found, address: Address) -> None:
    """Raise StoreUnavailableError for the tables of an older release."""
    if not found.version or found.is_current:
        return
    raise StoreUnavailableError(
        f"{address.place} was made by an older stepcache (its schema version is {found.version}, this one needs"
        f" {VERSIONS[-1]})",
        remedy=f"run: stepcache --store {address.shown} migrate",
    )
