"""A claim that this process holds, kept alive until it is given back."""

from __future__ import annotations

import asyncio
from typing import Protocol

from stepcache.cache.holder import Holder, StepProcess
from stepcache.cache.reason import Reason
from stepcache.cache.uninterrupted import uninterrupted
from stepcache.errors import StoreUnavailableError
from stepcache.stores.claim import Claim, Granted, Lost, Published, Released
from stepcache.stores.contract import Store
from stepcache.stores.entry import Record

_RENEWALS_PER_LEASE = 3
_RETRIES_PER_LEASE = 20
_TO_END_IN = 1 / 6
"""The part of the lease that is left to an execution to end in, when its claim cannot be renewed."""


class Finished(Protocol):
    """Told once or more often when a holding has ended."""

    def __call__(self, holding: Holding, failure: str | None, *, published: bool) -> None:
        """``published``: a result of the key was stored by this holding."""


class Holding:
    """A granted claim. A heartbeat renews it at a third of the lease until it is finished.

    Whoever executes under it stops when ``lost`` is set (protocol.md, P4), and begins nothing then: a renewal was
    answered with Lost, or no more than a sixth of the lease is left on this process's own monotonic clock, counted
    from the moment at which the last successful renewal was *sent*. What is executed has to have ended
    ``seconds_left`` later. A result that exists by then may still be offered to ``publish``: the store decides.
    A claim that was revoked is another matter: what executes under it goes on to its end, for its own caller, and
    is not stored.
    ``publish``, ``fail`` and ``release`` reach the store even when their caller is cancelled meanwhile.
    """

    claim: Claim
    reason: Reason
    """Why the key is executed."""
    lost: asyncio.Event
    """Set when the claim is, or may be, somebody else's."""

    def __init__(  # noqa: PLR0913 - made by the cache only, which names each
        self,
        store: Store,
        granted: Granted,
        *,
        sent: float,
        lease: float,
        holder: Holder,
        reason: Reason,
        finished: Finished,
    ) -> None:
        self.claim = granted.claim
        self.reason = reason
        self.lost = asyncio.Event()
        self.failures = granted.failures
        """How many executions of the key had failed when the claim was granted."""
        self._store = store
        self._lease = lease
        self._holder = holder
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        self._lease_ends = sent + granted.lease
        self._deadline = self._loop.call_at(self._latest(sent, granted.lease), self.lost.set)
        self._heartbeat = self._loop.create_task(self._renew_until_lost(), name=f"heartbeat of {self.claim.key}")

    @property
    def seconds_left(self) -> float:
        """Until nobody but this process may execute the key, for all it knows; 0 when that is over."""
        return max(0.0, self._lease_ends - self._loop.time())

    async def wait_lost(self) -> None:
        """Return when the claim is lost."""
        await self.lost.wait()

    async def annotate(self, step: StepProcess) -> None:
        """Tell those who wait, and will have to recover, which processes execute the step.

        Sets ``lost`` when the claim is lost. Raises StoreUnavailableError: then the step must not go on, because
        nobody could end it after the death of this process.
        """
        self._holder = self._holder.with_step(step)
        await self._renew(self._holder.format())

    async def publish(self, record: Record) -> Published | Lost:
        """Store the result and give the claim back. Lost: it was taken over or revoked, nothing is stored."""
        published = True  # if the answer is lost, those who wait had better look
        try:
            answer = await uninterrupted(self._store.publish(self.claim, record))
            published = isinstance(answer, Published)
            return answer
        finally:
            self._finish(published=published)

    async def fail(self, failure: str) -> Released | Lost:
        """Give the claim back after a failed execution; ``failure`` is what those who waited will be told."""
        try:
            return await uninterrupted(self._store.release(self.claim, failure=failure))
        finally:
            self._finish(failure)

    async def release(self) -> Released | Lost:
        """Give the claim back without a result and without a failure. Repeating it does no harm."""
        try:
            return await uninterrupted(self._store.release(self.claim))
        finally:
            self._finish()

    def abandon(self) -> None:
        """Let the claim run out: what executes under it could not be ended, and nobody may take over before."""
        self._finish()

    def _finish(self, failure: str | None = None, *, published: bool = False) -> None:
        self._heartbeat.cancel()
        self._deadline.cancel()
        self._finished(self, failure, published=published)

    async def _renew_until_lost(self) -> None:
        pause = self._lease / _RENEWALS_PER_LEASE
        while not self.lost.is_set():
            await asyncio.sleep(pause)
            try:
                await self._renew()
                pause = self._lease / _RENEWALS_PER_LEASE
            except StoreUnavailableError:  # the deadline decides how long that may last
                pause = self._lease / _RETRIES_PER_LEASE

    async def _renew(self, holder: str | None = None) -> None:
        sent = self._loop.time()
        if self.lost.is_set() or sent >= self._deadline.when():
            self.lost.set()
            return
        answer = await self._store.renew(self.claim, lease=self._lease, holder=holder)
        if isinstance(answer, Lost):
            if answer.revoked:
                self._heartbeat.cancel()  # nothing is left to renew
                self._deadline.cancel()
            else:
                self.lost.set()
        elif not self.lost.is_set() and sent + answer.lease > self._lease_ends:
            self._lease_ends = sent + answer.lease
            self._deadline.cancel()
            self._deadline = self._loop.call_at(self._latest(sent, answer.lease), self.lost.set)

    def _latest(self, sent: float, lease: float) -> float:
        """When what executes has to be stopped at the latest, to have ended with the lease."""
        return sent + lease * (1 - _TO_END_IN)
