"""Garbage collection of an SQLite store. What it does is imported when it is asked for: no run needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from stepcache.stores.sqlite.database import SqliteDatabase
from stepcache.stores.sqlite.entries import Entries

if TYPE_CHECKING:
    from stepcache.stores.sqlite.collecting import Collecting
    from stepcache.stores.unused import StoredOutput, UnusedEntry


class SqliteCollection:
    """``stores.collection.CollectingStore`` on SQLite."""

    _database: SqliteDatabase
    _entries: Entries
    _clock: str

    @cached_property
    def _collecting(self) -> Collecting:
        from stepcache.stores.sqlite.collecting import Collecting

        return Collecting(self._clock, self._entries)

    async def least_used(
        self, *, resting: bool, after: tuple[int, int] | None = None, limit: int = 500
    ) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.least_used, after, limit, resting=resting)

    async def collect(self, entries: Sequence[UnusedEntry]) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        return await self._database.write(self._collecting.collect, tuple(entries))

    async def reference_counts(self, digests: Collection[str]) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.reference_counts, digests)

    async def referenced_size(self) -> int:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.referenced_size)

    async def stored_outputs(self, *, after: int = 0, limit: int = 200) -> Sequence[StoredOutput]:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.stored_outputs, after, limit)

    async def collect_details(self) -> int:
        """See ``CollectingStore``."""
        return await _until_none(lambda: self._database.write(self._collecting.collect_details))

    async def unused_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.unused_claims, age)

    async def collect_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        return await _until_none(lambda: self._database.write(self._collecting.collect_claims, age))

    async def ended_runs(self, *, before: float, after: str = "", limit: int = 500) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        return await self._database.read_long(self._collecting.ended_runs, before, after, limit)

    async def collect_runs(self, run_ids: Collection[str], *, before: float) -> Sequence[str]:
        """See ``CollectingStore``."""
        return await self._database.write(self._collecting.collect_runs, tuple(run_ids), before)


async def _until_none(step: Callable[[], Awaitable[int]]) -> int:
    """The sum of all steps, until one does nothing."""
    total = 0
    while done := await step():
        total += done
    return total
