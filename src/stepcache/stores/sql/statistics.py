"""Numbers, counted by a database server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from stepcache.stores import statistics_statements as texts
from stepcache.stores.sql.reader import SqlReader

if TYPE_CHECKING:
    from stepcache.stores.counts import EntryCount, TaskCount, Unreused

_INTERVAL: Final = "FLOOR((r.created_at - :origin) / :width)"


class SqlStatistics(SqlReader):
    """``stores.statistics.StatisticsStore`` on a server. Sums come as decimal numbers of the driver's."""

    async def count_tasks(
        self, *, since: float, pipeline: str | None, origin: float, width: float
    ) -> Sequence[TaskCount]:
        """See the contract."""
        from stepcache.stores.counts import TaskCount

        text = texts.count_tasks(_INTERVAL, of_pipeline=pipeline is not None)
        values = {"since": since, "pipeline": pipeline, "origin": float(origin), "width": float(width)}
        return [
            TaskCount(name, origin + int(number) * width, result, reason, int(tasks), float(seconds), float(saved))
            for name, number, result, reason, tasks, seconds, saved in await self._fetch(text, values)
        ]

    async def count_entries(self, *, since: float, pipeline: str | None) -> EntryCount:
        """See the contract. Two reads, between which others may write."""
        from stepcache.stores.counts import EntryCount

        found: list[int] = []
        for text in texts.count_entries(of_pipeline=pipeline is not None):
            (row,) = await self._fetch(text, {"since": int(since), "pipeline": pipeline})
            found += [int(number or 0) for number in row]
        return EntryCount(*found)

    async def never_reused(self, *, since: float, pipeline: str | None, limit: int) -> Sequence[Unreused]:
        """See the contract."""
        from stepcache.stores.counts import Unreused

        text = texts.never_reused(of_pipeline=pipeline is not None)
        values = {"since": since, "pipeline": pipeline, "limit": limit}
        return [
            Unreused(name, component, int(executions), float(seconds))
            for name, component, executions, seconds in await self._fetch(text, values)
        ]
