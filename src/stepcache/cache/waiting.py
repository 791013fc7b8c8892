"""Waiting for executions of others: one poller per cache (protocol.md, Waiting).

The row is the truth, everything else a hint: what this cache itself publishes and releases wakes its own waiters at
once, and a read of all awaited keys, repeated with jitter and back-off, finds the rest.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from stepcache.cache import recovery
from stepcache.cache.holder import Holder
from stepcache.cache.queue import Queue
from stepcache.cache.ticket import Ticket
from stepcache.errors import StepcacheError
from stepcache.processes import Process
from stepcache.stores.claim import Busy, KeyState
from stepcache.stores.contract import Store

SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 0.25
_GROWTH = 1.5
_AFTER_LEASE = 0.002  # seconds; the store's clock may have whole milliseconds


class Waiting:
    """Everyone who waits within one cache. No connection or transaction is held while they do."""

    def __init__(
        self,
        store: Store,
        *,
        shortest: float = SHORTEST_PAUSE,
        longest: float = LONGEST_PAUSE,
        same_host: bool = True,
    ) -> None:
        self._store = store
        self._shortest = shortest
        self._longest = max(longest, shortest)
        self._same_host = same_host
        self._queues: dict[str, Queue] = {}
        self._poller: asyncio.Task[None] | None = None
        self._recoveries: set[asyncio.Task[None]] = set()
        self._new_key = asyncio.Event()

    async def wait(self, ticket: Ticket, busy: Busy) -> None:
        """Return when asking again makes sense; see ``Cache.wait``."""
        ticket.asked()
        ticket.wait_for(busy)
        queue = self._queues.get(ticket.key)
        if queue is None:
            queue = self._queues[ticket.key] = Queue()
            self._new_key.set()
        queue.saw(busy)
        waiter = queue.add(ticket)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="poller of awaited keys")
        try:
            await waiter
        finally:
            queue.remove(waiter)
            if not queue and self._queues.get(ticket.key) is queue:
                del self._queues[ticket.key]
            if not self._queues:
                self._new_key.set()  # nothing is awaited: let the poller end

    def published(self, key: str) -> None:
        """A result of ``key`` is there."""
        if (queue := self._queues.get(key)) is not None:
            queue.wake_all()

    def released(self, key: str) -> None:
        """The claim of ``key`` was given back without a result."""
        if (queue := self._queues.get(key)) is not None:
            queue.wake_oldest()

    def failed(self, key: str, failures: int, failure: str) -> None:
        """``failures`` executions of ``key`` have failed by now, the last one with ``failure``."""
        if (queue := self._queues.get(key)) is not None:
            queue.failed(failures, failure)

    async def close(self) -> None:
        """End every wait with an error, and the poller."""
        for queue in self._queues.values():
            queue.break_off(StepcacheError("the cache was closed while waiting for an execution"))
        tasks = [task for task in (self._poller, *self._recoveries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        pause = self._shortest
        while True:
            pause = await self._pause(pause)
            if not self._queues:
                return
            try:
                states = await self._store.watch(tuple(self._queues))
                news = self._look(states)
            except Exception as error:  # noqa: BLE001 - those who wait shall hear of it, whatever it is
                for queue in self._queues.values():
                    queue.break_off(error)
                news = True
            pause = self._shortest if news else min(pause * _GROWTH, self._longest)

    async def _pause(self, pause: float) -> float:
        """Sleep, not beyond the end of a lease or the arrival of a new key; answer the pause to go on from."""
        await asyncio.sleep(self._shortest * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
        now = asyncio.get_running_loop().time()
        until_lease = min((queue.lease_ends for queue in self._queues.values()), default=now) - now + _AFTER_LEASE
        rest = min(pause * random.uniform(0.75, 1.25) - self._shortest, until_lease)  # noqa: S311 - jitter
        if rest > 0 and not self._new_key.is_set():
            try:
                async with asyncio.timeout(rest):
                    await self._new_key.wait()
            except TimeoutError:
                return pause
        if self._new_key.is_set():
            self._new_key.clear()
            return self._shortest
        return pause

    def _look(self, states: Mapping[str, KeyState]) -> bool:
        """Wake whoever should ask again. True if something has happened."""
        gone: dict[Process | None, bool] = {}
        news = False
        for key, queue in self._queues.items():
            state = states.get(key)
            if state is None:
                continue
            if state.published_by and queue.wake_for(state.published_by):
                news = True
            elif state.busy is None:
                queue.wake_oldest()
                news = True
            else:
                news = queue.saw(state.busy) or news
                self._recover(queue, state.busy, gone)
        return news

    def _recover(self, queue: Queue, busy: Busy, gone: dict[Process | None, bool]) -> None:
        holder = queue.holder
        if not self._same_host or queue.recovery is not None or not holder.is_here():
            return
        if holder.process not in gone:
            gone[holder.process] = holder.is_gone()
        if gone[holder.process]:
            queue.recovery = asyncio.create_task(
                self._take_over(queue, holder, busy.holder), name="recovery of a dead holder"
            )
            self._recoveries.add(queue.recovery)
            queue.recovery.add_done_callback(self._recoveries.discard)

    async def _take_over(self, queue: Queue, holder: Holder, text: str) -> None:
        try:
            if await recovery.end_step(holder):
                queue.wake_oldest(dead_holder=text)
        finally:
            queue.recovery = None
