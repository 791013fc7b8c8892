"""Numbers, counted by SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepcache.stores import statistics_statements as texts
from stepcache.stores.sqlite.database import SqliteDatabase

if TYPE_CHECKING:
    from stepcache.stores.counts import EntryCount, TaskCount, Unreused

# Cut off, which is rounding down for what comes after the origin; floor() is not in every SQLite.
_INTERVAL: Final = "CAST((r.created_at - :origin) / :width AS INTEGER)"


class SqliteStatistics:
    """``stores.statistics.StatisticsStore`` on one file."""

    _database: SqliteDatabase

    async def count_tasks(
        self, *, since: float, pipeline: str | None, origin: float, width: float
    ) -> Sequence[TaskCount]:
        """See the contract."""
        from stepcache.stores.counts import TaskCount

        text = texts.count_tasks(_INTERVAL, of_pipeline=pipeline is not None)
        values = {"since": since, "pipeline": pipeline, "origin": origin, "width": width}
        rows = await self._database.read_long(_fetch, text, values)
        return [TaskCount(row[0], origin + row[1] * width, *row[2:]) for row in rows]

    async def count_entries(self, *, since: float, pipeline: str | None) -> EntryCount:
        """See the contract. Two reads, between which others may write."""
        from stepcache.stores.counts import EntryCount

        found: list[int] = []
        for text in texts.count_entries(of_pipeline=pipeline is not None):
            (row,) = await self._database.read_long(_fetch, text, {"since": int(since), "pipeline": pipeline})
            found += [number or 0 for number in row]
        return EntryCount(*found)

    async def never_reused(self, *, since: float, pipeline: str | None, limit: int) -> Sequence[Unreused]:
        """See the contract."""
        from stepcache.stores.counts import Unreused

        text = texts.never_reused(of_pipeline=pipeline is not None)
        values = {"since": since, "pipeline": pipeline, "limit": limit}
        return [Unreused(*row) for row in await self._database.read_long(_fetch, text, values)]


def _fetch(connection: sqlite3.Connection, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    text = text.replace("$tasks", "tasks").replace("$runs", "runs")
    return connection.execute(text, values).fetchall()
