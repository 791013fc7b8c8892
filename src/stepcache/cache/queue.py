"""Those in this process who wait for one key."""

from __future__ import annotations

import asyncio

from stepcache.cache.holder import Holder
from stepcache.cache.ticket import Ticket
from stepcache.errors import ExecutionFailedError
from stepcache.stores.claim import Busy


class Queue:
    """The waiters of one key, and what the last look at the key showed."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[None], Ticket] = {}
        self._claims: set[str] = set()
        self._holder_text = ""
        self.holder = Holder()
        """Who executes, by the last look."""
        self.lease_ends = 0.0
        """When the lease runs out at the latest, by the event loop's clock."""
        self.recovery: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiters)

    def add(self, ticket: Ticket) -> asyncio.Future[None]:
        """A new waiter: what it shall await."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = ticket
        return waiter

    def remove(self, waiter: asyncio.Future[None]) -> None:
        """The waiter waits no more."""
        self._waiters.pop(waiter, None)

    def saw(self, busy: Busy) -> bool:
        """Note who executes. True if that is news."""
        self.lease_ends = asyncio.get_running_loop().time() + busy.lease_left
        if busy.holder != self._holder_text:
            self._holder_text, self.holder = busy.holder, Holder.parse(busy.holder)
        news = busy.claim_id not in self._claims
        self._claims.add(busy.claim_id)
        return news

    def wake_for(self, published_by: str) -> bool:
        """Let those ask again who have not looked at the entry that ``published_by`` stored. True if there are any.

        Who found it stale has no use for it, and goes on waiting for the next one.
        """
        woken = [
            waiter for waiter, ticket in self._waiters.items() if not waiter.done() and ticket.seen != published_by
        ]
        for waiter in woken:
            waiter.set_result(None)
        return bool(woken)

    def wake_all(self) -> None:
        """Let everyone ask again: there is a result."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def wake_oldest(self, dead_holder: str | None = None) -> None:
        """Let the waiter that first asked try to take the key over."""
        waiting = [item for item in self._waiters.items() if not item[0].done()]
        if waiting:
            waiter, ticket = min(waiting, key=lambda item: item[1].first_asked or 0.0)
            ticket.dead_holder = dead_holder
            waiter.set_result(None)

    def failed(self, failures: int, failure: str) -> None:
        """End the wait of those whose attempts are used up."""
        for waiter, ticket in self._waiters.items():
            if not waiter.done() and ticket.is_exhausted(failures):
                waiter.set_exception(ExecutionFailedError(failure))

    def break_off(self, error: Exception) -> None:
        """End everyone's wait with ``error``."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
