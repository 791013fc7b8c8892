"""Looking back at what an SQLite file keeps."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from stepcache.stores.database_browsing import DatabaseBrowsing
from stepcache.stores.runs import RunRow
from stepcache.stores.sqlite import run_table
from stepcache.stores.sqlite.database import SqliteDatabase


class SqliteBrowsing(DatabaseBrowsing):
    """``RequestStore``, ``RunBrowsing`` and ``EntryBrowsing`` over a ``SqliteDatabase``."""

    _database: SqliteDatabase
    _clock: str

    async def begin_run(self, run: RunRow, request: str) -> None:
        """See ``stores.requests``."""
        await self._database.write(_begin_run, run, request)

    async def request(self, run_id: str) -> str | None:
        """See ``stores.requests``."""
        rows = await self._fetch("SELECT request FROM run_requests WHERE run_id = :run_id", {"run_id": run_id})
        return rows[0][0] if rows else None

    async def _fetch(self, template: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        text = template.replace("$clock", self._clock).replace("$runs", "runs").replace("$tasks", "tasks")
        return await self._database.read_long(lambda connection: connection.execute(text, values).fetchall())


def _begin_run(connection: sqlite3.Connection, run: RunRow, request: str) -> None:
    run_table.save_run(connection, run)
    connection.execute("INSERT OR REPLACE INTO run_requests (run_id, request) VALUES (?, ?)", (run.run_id, request))
