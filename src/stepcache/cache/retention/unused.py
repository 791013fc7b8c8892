"""The entries of a store in the order in which they are collected."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator

from stepcache.light_dataclasses import dataclass
from stepcache.stores.collection import CollectingStore
from stepcache.stores.standing import USED_WITHIN
from stepcache.stores.unused import UnusedEntry

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry, and how long it counts as unused."""

    entry: UnusedEntry
    unused_for: float
    """Seconds; of an entry that rests on others an hour more than it is."""


async def in_order(store: CollectingStore, began: float) -> AsyncIterator[list[Candidate]]:
    """All entries, least recently used first, in pieces; none that was used since ``began`` (monotonic).

    An entry that rests on others is taken for an hour older than it is. Those that it rests on are marked as used
    with it, to the hour (``stores.standing``): so it comes before any of them, and never has to do without one.
    """
    streams = [_Stream(store, resting=True), _Stream(store, resting=False)]
    while True:
        for stream in streams:
            await stream.fill()
        if not any(stream.waiting for stream in streams):
            return
        piece = []
        while all(stream.waiting or stream.is_at_end for stream in streams):
            heads = [stream for stream in streams if stream.waiting]
            if not heads:
                break
            piece.append(max(heads, key=lambda stream: stream.waiting[0].unused_for).waiting.popleft())
        elapsed = time.monotonic() - began
        kept = [candidate for candidate in piece if candidate.entry.unused_for > elapsed]
        if kept:
            yield kept


class _Stream:
    """One of the two orders that a store has, page by page."""

    def __init__(self, store: CollectingStore, *, resting: bool) -> None:
        self._store = store
        self._resting = resting
        self._after: tuple[int, int] | None = None
        self.waiting: deque[Candidate] = deque()
        self.is_at_end = False

    async def fill(self) -> None:
        """Have something waiting, unless there is nothing more."""
        if self.waiting or self.is_at_end:
            return
        page = await self._store.least_used(resting=self._resting, after=self._after, limit=_PAGE)
        early = USED_WITHIN if self._resting else 0.0
        self.waiting.extend(Candidate(entry, entry.unused_for + early) for entry in page)
        self.is_at_end = len(page) < _PAGE
        if page:
            self._after = page[-1].place
