"""What the cache has come to, in numbers: what every store promises to those who count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stepcache.stores.counts import EntryCount, TaskCount, Unreused


class StatisticsStore(Protocol):
    """May raise what methods of ``Store`` may. Nothing here changes anything.

    All are counted by the database. ``since`` is in seconds since the epoch; ``pipeline`` None stands for all.
    """

    async def count_tasks(
        self, *, since: float, pipeline: str | None, origin: float, width: float
    ) -> Sequence[TaskCount]:
        """Tasks that came to the cache, of runs made since, in intervals of ``width`` seconds counted from
        ``origin``; in no order.
        """

    async def count_entries(self, *, since: float, pipeline: str | None) -> EntryCount:
        """Entries whose execution began since."""

    async def never_reused(self, *, since: float, pipeline: str | None, limit: int) -> Sequence[Unreused]:
        """Components that runs made since have executed and never reused, the most expensive first."""
