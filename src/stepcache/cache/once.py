"""One call of ``once``: claim, produce, publish."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

from stepcache.cache import staleness, value
from stepcache.cache.cache import Cache, Holding, Reused
from stepcache.cache.result import Result
from stepcache.cache.staleness import Duration
from stepcache.cache.ticket import Ticket
from stepcache.cache.value import Value
from stepcache.errors import ExecutionFailedError, InputError, LeaseLostError, StoreUnavailableError
from stepcache.stores.claim import Busy, Lost, Put
from stepcache.stores.entry import ArtifactReference, Description, Record

_producing: ContextVar[frozenset[str]] = ContextVar(
    "keys that are being produced by the caller", default=frozenset()
)


class Once:
    """What one caller wants of one key. Made on any thread; the coroutines belong to the cache's event loop."""

    def __init__(  # noqa: PLR0913 - the words of the wish
        self,
        cache: Cache,
        key: str,
        max_staleness: Duration | None = None,
        entry_max_staleness: Duration | None = None,
        *,
        attempts: int = 1,
        label: str = "",
    ) -> None:
        self._cache = cache
        self._ticket = Ticket(key, staleness.seconds(max_staleness), attempts, label)
        self._entry_max_staleness = staleness.whole_seconds(entry_max_staleness)
        self._began = 0.0
        self._abandoned = False

    async def run(self, produce: Callable[[], Any | Awaitable[Any]]) -> Result[Any]:
        """See ``Cache.once``."""
        self.refuse_recursion()
        acquired = await self.acquire()
        if isinstance(acquired, Result):
            return acquired
        with self.producing():
            try:
                produced = await self._produce(acquired, produce)
            except BaseException as error:
                if not self._abandoned:
                    await self.give_up(acquired, error)
                raise
        return await self.keep(acquired, produced)

    async def reuse(self) -> Result[Any] | None:
        """The stored value, if it can be reused."""
        reused = await self._cache.reuse(self._ticket)
        return None if reused is None else await self._load(reused)

    async def acquire(self) -> Result[Any] | Holding:
        """The stored value, or the right to produce it; waits as long as somebody else has that right."""
        result = await self.reuse()
        while result is None:
            try:
                answer = await self._cache.attempt(self._ticket)
                if isinstance(answer, Busy):
                    await self._cache.wait(self._ticket, answer)
                    continue
            except ExecutionFailedError as error:
                raise ExecutionFailedError(f"the execution that this call waited for failed: {error}") from error
            if isinstance(answer, Holding):
                self._began = time.monotonic()
                return answer
            result = await self._load(answer)
        return result

    async def keep(self, holding: Holding, produced: Value) -> Result[Any]:
        """Store what was produced and give the claim back."""
        seconds = time.monotonic() - self._began
        try:
            record, kept = await asyncio.to_thread(self._record, produced, seconds)
        except BaseException as error:
            await self.give_up(holding, error)
            raise
        answer = await holding.publish(record)
        if isinstance(answer, Lost):
            raise LeaseLostError(
                "the claim was lost while the value was being produced: the value was not stored",
                value=kept,
                remedy="ask again: whoever took the claim over has stored a value, or will",
            )
        return Result(kept, reused=False, entry=answer.entry)

    async def give_up(self, holding: Holding, error: BaseException) -> None:
        """Give the claim back because of ``error``: an exception counts as a failure, an interruption does not."""
        with contextlib.suppress(StoreUnavailableError):  # the error that is being raised says more
            if isinstance(error, Exception) and not holding.lost.is_set():
                await holding.fail(f"{type(error).__name__}: {error}")
            else:
                await holding.release()

    async def put(self, given: Value) -> Put:
        """See ``Cache.put``."""
        record, _ = await asyncio.to_thread(self._record, given, 0.0)
        answer = await self._cache.store.put(self._ticket.key, record)
        self._cache.announce(self._ticket.key)
        return answer

    def refuse_recursion(self) -> None:
        """Raise InputError when the caller is producing this very key: it would wait for itself for ever."""
        if self._ticket.key in _producing.get():
            raise InputError(
                f"once() was called for the key {self._ticket.key} by the code that produces its value",
                remedy="give the inner value a key of its own",
            )

    @contextlib.contextmanager
    def producing(self) -> Iterator[None]:
        """Mark the calling context as the one that produces this key."""
        token = _producing.set(_producing.get() | {self._ticket.key})
        try:
            yield
        finally:
            _producing.reset(token)

    async def _produce(self, holding: Holding, produce: Callable[[], Any]) -> Value:
        if inspect.iscoroutinefunction(produce):
            return await _unless_lost(holding, produce())
        outcome = _in_thread(produce)
        try:
            produced, error = await asyncio.shield(outcome)
        except asyncio.CancelledError:
            # The thread goes on, so the claim is held until it has ended: nobody else executes meanwhile.
            self._abandoned = True
            self._cache.keep(asyncio.ensure_future(_release_after(outcome, holding)))
            raise
        if error is not None:
            raise error
        return await _unless_lost(holding, produced) if inspect.isawaitable(produced) else produced

    async def _load(self, reused: Reused) -> Result[Any] | None:
        try:
            if reused.output.artifacts:
                loaded = await asyncio.to_thread(value.load, reused.output, self._cache.artifacts)
            else:
                loaded = value.load(reused.output, self._cache.artifacts)
        except FileNotFoundError:  # removed since it was verified: the next look finds it missing
            return None
        return Result(loaded, reused=True, entry=reused.entry)

    def _record(self, produced: Value, seconds: float) -> tuple[Record, Value]:
        output, kept = value.store(produced, self._cache.artifacts)
        record = Record(
            output=output.to_text(),
            max_staleness=self._entry_max_staleness,
            description=Description(task=self._ticket.label, duration=seconds),
            artifacts=tuple(ArtifactReference(item.digest, item.size) for item in output.artifacts),
        )
        return record, kept


_Outcome = tuple[Any, BaseException | None]


def _in_thread(produce: Callable[[], Any]) -> asyncio.Future[_Outcome]:
    """Call ``produce`` in a thread of its own: it may take hours, and the event loop's few threads are needed."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Outcome] = loop.create_future()
    context = copy_context()

    def call() -> None:
        ended: _Outcome
        try:
            ended = context.run(produce), None
        except BaseException as error:  # noqa: BLE001 - raised where the outcome is awaited
            ended = None, error
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody is interested any more
            loop.call_soon_threadsafe(outcome.set_result, ended)

    threading.Thread(target=call, name="produce").start()
    return outcome


async def _unless_lost(holding: Holding, produced: Awaitable[Any]) -> Value:
    """What ``produced`` answers. It is cancelled when the claim is lost; what it answers all the same counts."""
    task = asyncio.ensure_future(produced)
    lost = asyncio.ensure_future(holding.lost.wait())
    try:
        await asyncio.wait((task, lost), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,))
        if task.cancelled():
            raise _stopped()
        if (error := task.exception()) is not None:
            raise _stopped() from error
        return task.result()
    finally:
        lost.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))


def _stopped() -> LeaseLostError:
    return LeaseLostError(
        "the claim was lost while the value was being produced: producing it was stopped",
        remedy="ask again: whoever took the claim over has stored a value, or will",
    )


async def _release_after(outcome: asyncio.Future[_Outcome], holding: Holding) -> None:
    await outcome
    with contextlib.suppress(StoreUnavailableError):
        await holding.release()
