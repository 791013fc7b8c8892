"""Where the file of a store may be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stepcache.errors import InputError, StoreUnavailableError
from stepcache.stores.file_systems import network_file_system

_OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING


def prepare(path: Path) -> None:
    """See that there can be a store at ``path``; make its directory if there is none.

    Raises InputError for a place where no store can be, and StoreUnavailableError when the directory cannot be
    made or this Python's SQLite is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnavailableError(
            f"this Python has SQLite {sqlite3.sqlite_version}, and the store needs 3.35",
            remedy="use a newer Python",
        )
    kind = network_file_system(path.resolve())
    if kind:
        raise InputError(
            f"{path} is on a network file system ({kind}), over which SQLite's locks and shared memory do not work",
            remedy="put the store on a local disk, by --store or --home",
        )
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory", remedy=f"name a file, such as sqlite:///{path / 'store.db'}")
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreUnavailableError(
            f"the directory of {path} cannot be made or looked into: {reason}",
            remedy="make it, or give another file by --store",
        ) from error
