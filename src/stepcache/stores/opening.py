"""From a URL to a store. Back ends are imported when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.collection import CollectingStore
from stepcache.stores.contract import Store
from stepcache.stores.entry_browsing import EntryBrowsing
from stepcache.stores.history import HistoryStore
from stepcache.stores.requests import RequestStore
from stepcache.stores.run_browsing import RunBrowsing
from stepcache.stores.runs import RunStore
from stepcache.stores.statistics import StatisticsStore

if TYPE_CHECKING:
    from stepcache.stores.sql.connection import Driver
    from stepcache.stores.sql.opening import Kind
    from stepcache.stores.sqlite import SqliteStore
    from stepcache.stores.sqlite.database import Synchronous

_REMEDY = "give sqlite:///FILE (a relative path), sqlite:////ABSOLUTE/FILE, or memory://"
_SERVERS = "postgresql://USER:PASSWORD@HOST/DATABASE, or mysql://USER:PASSWORD@HOST/DATABASE"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What ``migrate`` did: the version of the tables before, empty if there were none, and after."""

    url: str
    """The store's address, without credentials."""
    before: str
    after: str


class FullStore(
    Store,
    RunStore,
    RequestStore,
    RunBrowsing,
    EntryBrowsing,
    HistoryStore,
    StatisticsStore,
    CollectingStore,
    Protocol,
):
    """What every back end is: a store of entries, claims and runs, to be looked through, counted and collected."""


async def open_store(url: str) -> FullStore:
    """Open the store at ``url``; an embedded one is made where there is none.

    ``sqlite:///FILE`` is relative to the working directory, ``sqlite:////FILE`` absolute; ``%3F`` stands for a
    question mark in a file's name, ``?synchronous=full`` asks for results that survive a power failure too.
    ``memory://`` is a new store of this process, gone when it is closed. ``postgresql://`` and ``mysql://`` name a
    database on a server (docs/databases.md); its tables are made in an empty one.

    Raises InputError for a URL that names no back end of this release or a place where no store can be, or whose
    driver is not installed, and StoreUnavailableError.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise InputError(f"'{url}' is no store URL", remedy=f"for a file, give sqlite:///{url}")
    if scheme == "memory":
        return _open_memory(rest, url)
    if scheme == "sqlite":
        return await _open_sqlite(rest, url)
    if scheme in ("postgresql", "mysql"):
        from stepcache.stores.sql import opening

        driver, kind = server(url)
        return await opening.open_store(driver, kind)
    raise InputError(f"this release has no store for {scheme}:// URLs", remedy=f"{_REMEDY}; {_SERVERS}")


async def migrate(url: str) -> Migrated:
    """Bring the tables of the store at ``url`` to this release's; what is stored is kept. Idempotent.

    Raises InputError for a URL that names no store with tables, and StoreUnavailableError.
    """
    if url.startswith("sqlite://"):
        store = await _open_sqlite(url.removeprefix("sqlite://"), url)
        await store.close()
        return Migrated(store.url, str(store.found_version or ""), str(store.version))
    if url.startswith(("postgresql://", "mysql://")):
        from stepcache.stores.sql import opening

        driver, kind = server(url)
        before, after = await opening.migrate(driver, kind)
        return Migrated(driver.address.shown, before, after)
    raise InputError("there are no tables to migrate in a store of this kind", remedy=f"{_REMEDY}; {_SERVERS}")


def server(url: str) -> tuple[Driver, Kind]:
    """What speaks to the server of a ``postgresql://`` or ``mysql://`` URL; nothing is connected.

    Raises InputError for what is wrong with the URL, and for a driver that is not installed.
    """
    scheme = url.partition("://")[0]
    try:
        from stepcache.stores.sql import address

        if scheme == "postgresql":
            from stepcache.stores.postgresql import POSTGRESQL, PostgresqlDriver

            return PostgresqlDriver(address.parse(url)), POSTGRESQL
        from stepcache.stores.mysql import MYSQL, MysqlDriver

        return MysqlDriver(address.parse(url)), MYSQL
    except ModuleNotFoundError as error:
        raise InputError(
            f"a store on {scheme}:// needs the package {error.name}, which is not installed",
            remedy=f"run: pip install 'stepcache[{scheme}]'",
        ) from error


async def open_to_read(url: str) -> FullStore | None:
    """The store at ``url`` as it stands, None when there is none; no table is made or changed.

    Operations that write are not to be called: on a file, they raise StoreUnavailableError. Raises what
    ``open_store`` does.
    """
    if url.startswith(("postgresql://", "mysql://")):
        from stepcache.stores.sql import opening

        return await opening.open_to_read(*server(url))
    if not url.startswith("sqlite://"):
        return await open_store(url)
    store = _sqlite(url.removeprefix("sqlite://"), url, read_only=True)
    return store if await store.open_to_read() else None


def _open_memory(rest: str, url: str) -> FullStore:
    from stepcache.stores.memory import MemoryStore

    if rest:
        raise InputError(f"'{url}' names a place, and the store in memory has none", remedy="give memory://")
    return MemoryStore()


async def _open_sqlite(rest: str, url: str) -> SqliteStore:
    store = _sqlite(rest, url)
    await store.open()
    return store


def _sqlite(rest: str, url: str, *, read_only: bool = False) -> SqliteStore:
    from stepcache.stores.sqlite import SqliteStore

    file, _, query = rest.partition("?")
    name = unquote(file.removeprefix("/"))
    if not file.startswith("/") or not name or "\0" in name:
        raise InputError(f"'{url}' names no file", remedy=_REMEDY)
    if name == ":memory:":
        raise InputError("an SQLite database in memory is no store", remedy="give memory://")
    return SqliteStore(_absolute(name), synchronous=_synchronous(query, url), read_only=read_only)


def _absolute(name: str) -> Path:
    return Path(name).expanduser().absolute()


def _synchronous(query: str, url: str) -> Synchronous:
    if query in ("", "synchronous=normal"):
        return "normal"
    if query == "synchronous=full":
        return "full"
    raise InputError(f"'{url}' has an unknown option", remedy="the one option is ?synchronous=full")
