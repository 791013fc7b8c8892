"""Looking back at what a database server keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stepcache.stores import browsing_sql
from stepcache.stores.cache_key import check
from stepcache.stores.entry_browsing import EntryDetails, EntryFilter, EntrySummary, Order
from stepcache.stores.run_browsing import Tally, TaskEnd, tally
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.sql.connection import Connection, Row
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.dialect import Dialect, run_row, task_row
from stepcache.stores.sql.statement import Statement


class SqlBrowsing:
    """``RequestStore``, ``RunBrowsing`` and ``EntryBrowsing`` over a ``SqlDatabase``."""

    _database: SqlDatabase
    _dialect: Dialect

    def _check_writable(self) -> None:
        """Raise for a database that has not our tables."""
        raise NotImplementedError

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

    async def find_runs(
        self, *, prefix: str = "", pipeline: str | None = None, state: str | None = None, limit: int = 100
    ) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        return [run_row(row) for row in await self._fetch(*browsing_sql.runs(prefix, pipeline, state, limit))]

    async def latest_runs(self) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        return [run_row(row) for row in await self._fetch(browsing_sql.LATEST_RUNS, {})]

    async def tallies(self, run_ids: Collection[str]) -> Mapping[str, Tally]:
        """See ``stores.run_browsing``."""
        found = {}
        for run_id in run_ids:
            rows = await self._fetch(browsing_sql.TASK_ENDS, {"run_id": run_id})
            found[run_id] = tally(TaskEnd(*row) for row in rows)
        return found

    async def executed_task(self, key: str, published_by: str) -> TaskRow | None:
        """See ``stores.run_browsing``."""
        check(key)
        rows = await self._fetch(browsing_sql.EXECUTED_TASK, {"key": key, "published_by": published_by})
        return task_row(rows[0]) if rows else None

    async def find_entries(
        self, wanted: EntryFilter, *, order: Order = Order.NEWEST, limit: int | None = None
    ) -> Sequence[EntrySummary]:
        """See ``stores.entry_browsing``."""
        rows = await self._fetch(*browsing_sql.entries(wanted, order, limit))
        return [browsing_sql.summary(row) for row in rows]

    async def entry_details(self, key: str) -> EntryDetails | None:
        """See ``stores.entry_browsing``."""
        check(key)
        rows = await self._fetch(browsing_sql.DETAILS, {"key": key})
        return browsing_sql.details(rows[0]) if rows else None

    async def entries_of_template(self, prefix: str, *, after: int = 0, limit: int = 100) -> Sequence[EntryDetails]:
        """See ``stores.entry_browsing``."""
        rows = await self._fetch(browsing_sql.OF_TEMPLATE, browsing_sql.of_template(prefix, after, limit))
        return [browsing_sql.details(row) for row in rows]

    async def _fetch(self, template: str, values: Mapping[str, Any]) -> Sequence[Row]:
        self._check_writable()
        shared = self._dialect.shared
        text = template.replace("$clock", shared.clock)
        text = text.replace("$runs", "stepcache_runs").replace("$tasks", "stepcache_tasks")
        return await self._database.run(_rows, Statement(text, shared.style), values)

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


async def _rows(connection: Connection, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
    return await connection.fetch(statement, values)
