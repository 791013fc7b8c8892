"""How often entries were reused, counted in memory and written in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from stepcache.errors import StoreUnavailableError
from stepcache.stores.contract import Store
from stepcache.stores.standing import touch

_FLUSH_AFTER = 1.0  # seconds since the first hit that is not written
_FLUSH_AT = 1000  # keys


class HitCounter:
    """Counts for people and for the least-recently-used order of ``gc``: what cannot be written is dropped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hits: dict[str, int] = {}
        self._resting: dict[str, Collection[str]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, key: str, rests_on: Collection[str] = ()) -> None:
        """One more hit of ``key``, whose entry rests on those of other keys: they are in use, too."""
        self._hits[key] = self._hits.get(key, 0) + 1
        if rests_on:
            self._resting[key] = rests_on
        self._start_timer()
        if len(self._hits) >= _FLUSH_AT:
            self._flush()

    def rest(self, key: str, others: Collection[str]) -> None:
        """The entry of ``key`` is new, and rests on those of other keys: they must not be collected before it."""
        if others:
            self._resting[key] = others
            self._start_timer()

    async def close(self) -> None:
        """Write what is left."""
        self._flush()
        if self._writing:
            await asyncio.wait(tuple(self._writing))

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hits or self._resting:
            hits, self._hits = self._hits, {}
            resting, self._resting = self._resting, {}
            task = asyncio.get_running_loop().create_task(self._write(hits, resting), name="write hit counts")
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self, hits: Mapping[str, int], resting: Mapping[str, Collection[str]]) -> None:
        with contextlib.suppress(StoreUnavailableError):
            for others in resting.values():
                await touch(self._store, others)
            await self._store.count_hits(hits)
