"""The embedded store: one SQLite file for any number of processes of one machine."""

from stepcache.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
