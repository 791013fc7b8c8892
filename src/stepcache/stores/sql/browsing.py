"""Looking back at what a database server keeps."""

from __future__ import annotations

from dataclasses import asdict

from stepcache.stores.database_browsing import DatabaseBrowsing
from stepcache.stores.runs import RunRow
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.reader import SqlReader
from stepcache.stores.sql.statement import Statement


class SqlBrowsing(SqlReader, DatabaseBrowsing):
    """``RequestStore``, ``RunBrowsing`` and ``EntryBrowsing`` over a ``SqlDatabase``."""

    async def begin_run(self, run: RunRow, request: str) -> None:
        """See ``stores.requests``."""
        self._check_writable()
        await self._database.run(self._begin_run, run, request)

    async def request(self, run_id: str) -> str | None:
        """See ``stores.requests``."""
        rows = await self._fetch(
            "SELECT request FROM stepcache_run_requests WHERE run_id = :run_id", {"run_id": run_id}
        )
        return rows[0][0] if rows else None

    async def _begin_run(self, connection: Connection, run: RunRow, request: str) -> None:
        values = {"run_id": run.run_id, "request": request}
        style = self._dialect.shared.style
        delete = Statement("DELETE FROM stepcache_run_requests WHERE run_id = :run_id", style)
        insert = Statement("INSERT INTO stepcache_run_requests (run_id, request) VALUES (:run_id, :request)", style)
        await connection.begin()
        await self._dialect.save_run(connection, asdict(run))
        await connection.execute(delete, values)
        await connection.execute(insert, values)
        await connection.commit()
