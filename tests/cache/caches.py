"""Caches for tests: short leases, and stores that count what they are asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding, Reused
from stepcache.cache.output import Output
from stepcache.cache.ticket import Ticket
from stepcache.stores.claim import Busy, KeyState, Published
from stepcache.stores.contract import Store
from stepcache.stores.entry import Record
from stepcache.stores.opening import open_store

URLS = ("memory://", "sqlite")


def a_key(name: object = "key") -> str:
    """A key of its own for each name."""
    return hashlib.sha256(repr(name).encode()).hexdigest()


@asynccontextmanager
async def opened_store(kind: str, directory: Path) -> AsyncIterator[Store]:
    """A new store of one of ``URLS``."""
    store = await open_store(kind if "://" in kind else f"sqlite:///{directory / 'store.db'}")
    try:
        yield store
    finally:
        await store.close()


class Watched:
    """A store that counts what it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: dict[str, int] = {}
        self.reads: list[int] = []
        """How many rows each ``watch`` read."""
        self.before: Callable[[str], Any] = lambda _: None
        """Called with the name of each operation; what it raises, the operation raises."""

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._store, name)

        async def counted(*arguments: Any, **named: Any) -> Any:
            self.calls[name] = self.calls.get(name, 0) + 1
            self.before(name)
            return await operation(*arguments, **named)

        return counted

    async def watch(self, keys: Collection[str]) -> Mapping[str, KeyState]:
        self.calls["watch"] = self.calls.get("watch", 0) + 1
        self.reads.append(len(keys))
        self.before("watch")
        return await self._store.watch(keys)


def watched(store: Store) -> Store:
    """``store``, counted."""
    return cast("Store", Watched(store))


def counts(store: Store) -> Watched:
    """The counts of a watched store."""
    return cast("Watched", store)


def record(value: Any = 1, output: Output | None = None) -> Record:
    """A record to publish."""
    return Record(output=(output or Output(value)).to_text())


def holding(answer: Reused | Holding | Busy) -> Holding:
    assert isinstance(answer, Holding)
    return answer


def busy(answer: Reused | Holding | Busy) -> Busy:
    assert isinstance(answer, Busy)
    return answer


async def publish(cache: Cache, key: str, value: Any = 1, output: Output | None = None) -> Published:
    """Execute ``key``, which is not fresh."""
    answer = await holding(await cache.attempt(Ticket(key))).publish(record(value, output))
    assert isinstance(answer, Published)
    return answer


async def ask(cache: Cache, ticket: Ticket) -> Reused | Holding:
    """What the engine does: look up, claim, wait, until there is an answer."""
    reused = await cache.reuse(ticket)
    if reused is not None:
        return reused
    while True:
        answer = await cache.attempt(ticket)
        if not isinstance(answer, Busy):
            return answer
        await cache.wait(ticket, answer)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Let the loop turn until ``condition`` holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


def local_artifacts(directory: Path) -> LocalArtifactStore:
    return LocalArtifactStore.open(directory / "artifacts")


both_stores = pytest.mark.parametrize("kind", URLS)
