"""Looking back at what a database keeps, whichever it is: ``browsing_sql`` in its words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from stepcache.stores import browsing_sql
from stepcache.stores.cache_key import check
from stepcache.stores.entry_browsing import EntryDetails, EntryFilter, EntrySummary, Order
from stepcache.stores.run_browsing import Tally, TaskEnd, tally
from stepcache.stores.runs import RunRow, TaskRow


class DatabaseBrowsing(ABC):
    """``RunBrowsing`` and ``EntryBrowsing`` over any database."""

    @abstractmethod
    async def _fetch(self, template: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of a text of ``browsing_sql``."""

    async def find_runs(
        self, *, prefix: str = "", pipeline: str | None = None, state: str | None = None, limit: int = 100
    ) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        return [RunRow(*row) for row in await self._fetch(*browsing_sql.runs(prefix, pipeline, state, limit))]

    async def latest_runs(self) -> Sequence[RunRow]:
        """See ``stores.run_browsing``."""
        return [RunRow(*row) for row in await self._fetch(browsing_sql.LATEST_RUNS, {})]

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
        return TaskRow(*rows[0]) if rows else None

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
