"""The cache for programs without an event loop: a thin door to the one asynchronous core."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from stepcache.cache.cache import Cache, Holding
from stepcache.cache.once import Once
from stepcache.cache.output import JsonValue
from stepcache.cache.portal import Portal
from stepcache.cache.result import Result
from stepcache.cache.staleness import Duration
from stepcache.errors import InputError
from stepcache.stores.claim import Invalidated, Put

T = TypeVar("T")
Value = TypeVar("Value", bound=JsonValue | bytes | Path)


class BlockingCache:
    """What ``stepcache.open`` answers. Any number of threads may use one; a forked child must open its own.

    A program that ends without ``close`` loses nothing but the newest hit counts.
    """

    def __init__(self, opening: AbstractAsyncContextManager[Cache]) -> None:
        """Open the cache that ``opening`` is about, on an event loop in a thread of its own."""
        self._opening = opening
        self._portal = Portal()
        try:
            self._cache = self._portal.call(opening.__aenter__())
        except BaseException:
            self._portal.close()
            raise
        self._open = True

    def once(  # noqa: PLR0913 - each is a word of the protocol
        self,
        key: str,
        produce: Callable[[], Value],
        *,
        max_staleness: Duration | None = None,
        entry_max_staleness: Duration | None = None,
        attempts: int = 1,
        label: str = "",
    ) -> Result[Value]:
        """The result of ``key``: reused, or made by ``produce``, which runs at most once at a time, anywhere.

        ``produce`` runs in the calling thread, while the claim is renewed in another. It **cannot be stopped**:
        when the lease is lost meanwhile it runs to its end, and then LeaseLostError carries the value, which is not
        stored. Arguments and errors are those of ``Cache.once``. Ctrl-C gives the claim back, and counts as no
        failure.
        """
        if inspect.iscoroutinefunction(produce):
            raise InputError(
                "produce is an asynchronous function, and this is the synchronous cache",
                remedy="use 'async with stepcache.open_async()'",
            )
        wish = Once(self._cache, key, max_staleness, entry_max_staleness, attempts=attempts, label=label)
        wish.refuse_recursion()
        acquired = self._portal.call(wish.acquire(), undo=_give_back)
        if isinstance(acquired, Result):
            return acquired
        try:
            with wish.producing():
                produced = produce()
        except BaseException as error:
            self._portal.call(wish.give_up(acquired, error))
            raise
        return self._portal.call(wish.keep(acquired, produced))

    def lookup(self, key: str, *, max_staleness: Duration | None = None) -> Result[JsonValue] | None:
        """The stored result of ``key`` if it is fresh and intact, else None; executes and claims nothing."""
        return self._portal.call(self._cache.lookup(key, max_staleness=max_staleness))

    def put(self, key: str, value: JsonValue | bytes | Path, *, entry_max_staleness: Duration | None = None) -> Put:
        """Store a result without a claim, unless one stands that is not stale by its own limit.

        Answers the entry that stands, and whether this call stored it.
        """
        return self._portal.call(self._cache.put(key, value, entry_max_staleness=entry_max_staleness))

    def invalidate(self, key: str) -> Invalidated:
        """Withdraw the result of ``key``, and the right of a running execution to store one."""
        return self._portal.call(self._cache.invalidate(key))

    def close(self) -> None:
        """Give back what is held and let go of the store. Idempotent."""
        if self._open:
            self._open = False
            try:
                self._portal.call(cast("Coroutine[Any, Any, object]", self._opening.__aexit__(None, None, None)))
            finally:
                self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _give_back(acquired: Result[Any] | Holding) -> None:
    if isinstance(acquired, Holding):
        await acquired.release()
