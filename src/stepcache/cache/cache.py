"""The cache: look up, claim, wait, publish (protocol.md). Everything that executes steps goes through here."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from stepcache.artifacts.artifact import Artifact, Verdict
from stepcache.artifacts.contract import ArtifactStore
from stepcache.cache.hits import HitCounter
from stepcache.cache.holder import Holder
from stepcache.cache.holding import Holding
from stepcache.cache.output import JsonValue, Output
from stepcache.cache.reason import Reason
from stepcache.cache.single_flight import SingleFlight
from stepcache.cache.ticket import Ticket, Verify
from stepcache.cache.uninterrupted import uninterrupted
from stepcache.cache.waiting import LONGEST_PAUSE, SHORTEST_PAUSE, Waiting
from stepcache.errors import ExecutionFailedError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.claim import Busy, Granted, Hit, Invalidated, Put
from stepcache.stores.contract import Store
from stepcache.stores.entry import Entry, Record, is_fresh
from stepcache.stores.standing import Standing, stand

if TYPE_CHECKING:
    from stepcache.cache.result import Result
    from stepcache.cache.staleness import Duration

__all__ = ["Cache", "Holding", "Reused"]

_DAMAGE = {Verdict.MISSING: Reason.OUTPUT_MISSING, Verdict.ALTERED: Reason.OUTPUT_ALTERED}
_DAMAGED = tuple(_DAMAGE.values())
T = TypeVar("T", bound="JsonValue | bytes | Path")


@dataclass(frozen=True, slots=True)
class Reused:
    """A stored result whose outputs were found intact."""

    entry: Entry
    output: Output
    shared: bool
    """Whether the caller waited for somebody else's execution of it."""
    resting: Collection[str] = ()
    """The keys of the entries that it rests on, if they were not used for long: a hit marks them, too."""


class Cache:
    """The two promises over one store and one artifact store: one entry per key, one live execution per key.

    Belongs to one event loop. Every method may raise StoreUnavailableError, ArtifactStoreUnavailableError included:
    then nothing is known about the key, and it is never reported as a miss. The stores are closed by who opened
    them.
    """

    def __init__(  # noqa: PLR0913 - what it works with, and what the settings say
        self,
        store: Store,
        artifacts: ArtifactStore,
        *,
        lease: float = 60.0,
        same_host: bool = True,
        holder: Holder | None = None,
        shortest_pause: float = SHORTEST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        """Make the cache; nothing is read or written.

        Args:
            store: where entries and claims are.
            artifacts: where outputs are.
            lease: seconds after which a holder that gives no sign may be replaced.
            same_host: whether a holder that is seen to be dead is replaced at once (protocol.md, P6).
            holder: how this process names itself to those who will wait.
            shortest_pause: seconds between two reads of the awaited keys at first.
            longest_pause: the same after a while without news.
        """
        self._store = store
        self._artifacts = artifacts
        self._lease = lease
        self._holder = holder or Holder.this_process()
        self._waiting = Waiting(store, shortest=shortest_pause, longest=longest_pause, same_host=same_host)
        self._hits = HitCounter(store)
        self._holdings: set[Holding] = set()
        self._lookup = SingleFlight(store.lookup)
        self._verify = SingleFlight(self._verify_in_thread)
        self._background: set[asyncio.Future[None]] = set()

    @property
    def store(self) -> Store:
        """Where entries and claims are."""
        return self._store

    @property
    def artifacts(self) -> ArtifactStore:
        """Where outputs are."""
        return self._artifacts

    async def reuse(self, ticket: Ticket) -> Reused | None:
        """One look-up, no claim: the stored result if it is fresh for the caller and its outputs are intact.

        An entry with missing or altered outputs is withdrawn, if it still is the one that was looked at; why
        nothing was reused is kept in the ticket.
        """
        ticket.asked()
        # Waiters of one key wake together; one read serves them all.
        entry = await (self._lookup(ticket.key) if ticket.waited else self._store.lookup(ticket.key))
        if entry is None:
            ticket.seen = ""
            return None
        ticket.seen = entry.published_by
        if not is_fresh(entry, max_staleness=ticket.max_staleness, asked=ticket.asked()):
            ticket.refused = _outdated(ticket)
            return None
        return await self._take(ticket, entry)

    async def peek(self, ticket: Ticket) -> Reused | Reason:
        """What ``reuse`` would answer, or the reason why nothing; changes nothing, and counts as no hit."""
        entry = await self._store.lookup(ticket.key)
        if entry is None:
            return Reason.FIRST_SEEN
        if not is_fresh(entry, max_staleness=ticket.max_staleness, asked=ticket.asked()):
            return _outdated(ticket)
        return await self.examine(ticket, entry)

    async def examine(self, ticket: Ticket, entry: Entry, output: Output | None = None) -> Reused | Reason:
        """What ``peek`` answers for a fresh entry; ``output`` is the entry's, if that was read already."""
        found = await self._inspect(ticket, entry, output)
        return found if isinstance(found, Reason) else Reused(entry, found, shared=False, resting=ticket.resting)

    def count(self, reused: Reused) -> None:
        """Count a hit of what ``peek`` answered; what it rests on is noted as in use."""
        self._hits.add(reused.entry.key, reused.resting)

    async def replace(self, key: str, record: Record, rests_on: Collection[str] = ()) -> Put:
        """Store a result without a claim, in the place of the one that stands now; the entries that it rests on are
        noted as in use.

        Race: two that replace one entry. The withdrawal is conditional on the entry that was looked at, and one of
        the two results stands (``test_two_that_replace_an_entry_leave_one``).
        """
        standing = await self._store.lookup(key)
        if standing is not None:
            await self._store.withdraw(key, standing.published_by)
        self._hits.rest(key, rests_on)
        return await self._store.put(key, record)

    async def attempt(self, ticket: Ticket) -> Reused | Holding | Busy:
        """Claim the key once: a result that is there by now, the claim, or who else has it.

        A result with missing or altered outputs is withdrawn and the key claimed again. Raises
        ExecutionFailedError, with the last failure as its holder described it, when the key is free but the
        executions that the caller waited for failed as often as it would try itself.
        """
        if ticket.waited and ticket.dead_holder is None:
            reused = await self.reuse(ticket)
            if reused is not None:
                return reused
        holder = self._holder.for_caller(ticket.label, ticket.supervisor, ticket.containers)
        limit = ticket.max_staleness
        refused = None
        while True:
            sent = asyncio.get_running_loop().time()
            answer = await self._claim(ticket, holder, limit)
            if isinstance(answer, Granted):
                return await self._hold(ticket, answer, sent, holder)
            if isinstance(answer, Busy):
                return answer
            reused = await self._take(ticket, answer.entry)
            if reused is not None:
                if ticket.waited:
                    self._waiting.published(ticket.key)
                return reused
            if refused == answer.entry.published_by:
                limit = 0  # the damaged entry could not be withdrawn: execute, and replace it in place
            refused = answer.entry.published_by

    async def wait(self, ticket: Ticket, busy: Busy) -> None:
        """Return when asking again makes sense: there is a result, or it is this caller's turn to try.

        Raises ExecutionFailedError when the failed executions that the caller waited for reach its attempts, as
        soon as the newest failure is known in this process. Cancelling the wait leaves nothing behind.
        """
        await self._waiting.wait(ticket, busy)

    @overload
    async def once(
        self,
        key: str,
        produce: Callable[[], Awaitable[T]],
        *,
        max_staleness: Duration | None = None,
        entry_max_staleness: Duration | None = None,
        attempts: int = 1,
        label: str = "",
    ) -> Result[T]: ...

    @overload
    async def once(
        self,
        key: str,
        produce: Callable[[], T],
        *,
        max_staleness: Duration | None = None,
        entry_max_staleness: Duration | None = None,
        attempts: int = 1,
        label: str = "",
    ) -> Result[T]: ...

    async def once(  # noqa: PLR0913 - each is a word of the protocol
        self,
        key: str,
        produce: Callable[[], Any],
        *,
        max_staleness: Duration | None = None,
        entry_max_staleness: Duration | None = None,
        attempts: int = 1,
        label: str = "",
    ) -> Result[Any]:
        """The result of ``key``: reused, or made by ``produce``, which runs at most once at a time, anywhere.

        Args:
            key: 64 lower-case hex digits, as ``stepcache.key`` makes them.
            produce: makes the value: bytes, a JSON value, or the path of a file or directory, which is moved into
                the artifact store. A function that is not asynchronous runs in a thread and **cannot be stopped**:
                when its lease is lost, or its caller cancelled, it runs to its end, and others may run it again
                after a lease was lost. An asynchronous one is cancelled.
            max_staleness: how old a result may be to be reused; None for no limit, 0 to produce anew.
            entry_max_staleness: how long others may reuse what is produced; None for no limit.
            attempts: after how many failures of others, waited for, to give up.
            label: who asks, shown to those who wait.

        Raises what ``produce`` raises, after which the next caller may try; ExecutionFailedError when others
        failed; LeaseLostError when the claim was lost meanwhile, with the value, if there is one, which is not
        stored; InputError for a value that could not be read back as it is.
        """
        from stepcache.cache.once import Once

        wish = Once(self, key, max_staleness, entry_max_staleness, attempts=attempts, label=label)
        return await wish.run(produce)

    async def lookup(self, key: str, *, max_staleness: Duration | None = None) -> Result[JsonValue] | None:
        """The stored result of ``key`` if it is fresh and intact, else None; executes and claims nothing."""
        from stepcache.cache.once import Once

        return await Once(self, key, max_staleness).reuse()

    async def put(
        self, key: str, value: JsonValue | bytes | Path, *, entry_max_staleness: Duration | None = None
    ) -> Put:
        """Store a result without a claim, unless one stands that is not stale by its own limit.

        Answers the entry that stands, and whether this call stored it.
        """
        from stepcache.cache.once import Once

        return await Once(self, key, None, entry_max_staleness).put(value)

    async def invalidate(self, key: str) -> Invalidated:
        """Withdraw the result of ``key``, and the right of a running execution to store one."""
        answer = await self._store.invalidate(key)
        self._waiting.released(key)
        return answer

    def announce(self, key: str) -> None:
        """Wake this cache's own waiters of ``key``: a result was stored past the cache."""
        self._waiting.published(key)

    def keep(self, task: asyncio.Future[None]) -> None:
        """Have ``close`` wait for ``task``."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Give back what is still held, end every wait, write the hit counts. Idempotent."""
        while self._background:
            await asyncio.wait(tuple(self._background))
        await self._waiting.close()
        await asyncio.gather(*(holding.release() for holding in self._holdings), return_exceptions=True)
        await self._lookup.close()
        await self._verify.close()
        await self._hits.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _claim(self, ticket: Ticket, holder: Holder, limit: float) -> Hit | Granted | Busy:
        dead_holder, ticket.dead_holder = ticket.dead_holder, None
        return await uninterrupted(
            self._store.claim(
                ticket.key,
                secrets.token_hex(16),
                holder=holder.format(),
                lease=self._lease,
                max_staleness=limit,
                asked=ticket.asked(),
                dead_holder=dead_holder,
            ),
            undo=self._give_back,
        )

    async def _give_back(self, answer: Hit | Granted | Busy) -> None:
        if isinstance(answer, Granted):
            await self._store.release(answer.claim)

    async def _hold(self, ticket: Ticket, granted: Granted, sent: float, holder: Holder) -> Holding:
        if granted.failures:
            self._waiting.failed(ticket.key, granted.failures, granted.failure)
        if ticket.is_exhausted(granted.failures):
            await uninterrupted(self._store.release(granted.claim))
            self._waiting.released(ticket.key)
            raise ExecutionFailedError(granted.failure)
        ticket.begin(granted.failures)
        reason = Reason.FIRST_SEEN if granted.stale is None else _outdated(ticket)
        if ticket.refused in _DAMAGED:
            reason = ticket.refused
        holding = Holding(
            self._store,
            granted,
            sent=sent,
            lease=self._lease,
            holder=holder,
            reason=reason,
            finished=self._finished,
        )
        self._holdings.add(holding)
        return holding

    def _finished(self, holding: Holding, failure: str | None, *, published: bool) -> None:
        self._holdings.discard(holding)
        key = holding.claim.key
        if published:
            self._waiting.published(key)
            return
        if failure is not None:
            self._waiting.failed(key, holding.failures + 1, failure)
        self._waiting.released(key)

    async def _take(self, ticket: Ticket, entry: Entry) -> Reused | None:
        """The entry as a result, or None after it was withdrawn because it is damaged."""
        found = await self._inspect(ticket, entry)
        if isinstance(found, Output):
            self._hits.add(entry.key)
            return Reused(entry, found, shared=ticket.waited)
        ticket.refused = found
        await self._store.withdraw(entry.key, entry.published_by)
        return None

    async def _inspect(self, ticket: Ticket, entry: Entry, output: Output | None = None) -> Output | Reason:
        """The entry's output, or what is wrong with it."""
        try:
            output = output or Output.from_text(entry.output)
        except ValueError:
            return Reason.OUTPUT_ALTERED
        if output.rests_on:
            standing = await stand(self._store, output.rests_on)
            if standing is Standing.FALLEN:
                return Reason.STALE
            ticket.resting = output.rests_on if standing is Standing.UNUSED else ()
        if output.artifacts:
            await self._pin(output.artifacts)
        known = self._artifacts.exists if ticket.verify is Verify.EXISTS else self._artifacts.proven
        for artifact in output.artifacts:
            if not known(artifact):
                damage = _DAMAGE.get(await self._verify(artifact))
                if damage is not None:
                    ticket.damaged = artifact.digest
                    return damage
        return output

    async def _pin(self, artifacts: tuple[Artifact, ...]) -> None:
        """Race: a hit, and a collection of what it needs. What is pinned is not collected, and what was before is
        found to be missing by the look that follows (``test_an_output_that_is_collected_is_never_relied_on``).
        """
        if not self._artifacts.pin(artifacts, wait=False):
            await asyncio.to_thread(self._artifacts.pin, artifacts)

    async def _verify_in_thread(self, artifact: Artifact) -> Verdict:
        return await asyncio.to_thread(self._artifacts.verify, artifact)


def _outdated(ticket: Ticket) -> Reason:
    return Reason.REFRESHED if ticket.max_staleness == 0 else Reason.STALE
