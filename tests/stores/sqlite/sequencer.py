"""Forced interleavings: one store stands still before a chosen statement while another goes on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable
from typing import TypeVar

from stepcache.stores.sqlite import SqliteStore

T = TypeVar("T")
_LONG = 20.0  # seconds; only a broken test waits for so long


class Frozen:
    """The writer of ``store`` stops before its ``number``-th statement from now on (0 is BEGIN) until ``thaw``."""

    def __init__(self, store: SqliteStore, number: int) -> None:
        self._number = number
        self._count = 0
        self.reached = threading.Event()
        self._go_on = threading.Event()
        connection = writer(store)
        connection.set_trace_callback(self._trace)

    async def wait_reached(self, call: asyncio.Future[T]) -> bool:
        """True when the writer stands still; False when ``call`` ended first: it has fewer statements."""
        async with asyncio.timeout(_LONG):
            while not self.reached.is_set() and not call.done():  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)
        return self.reached.is_set()

    def thaw(self) -> None:
        self._go_on.set()

    def _trace(self, _: str) -> None:
        if self._count == self._number:
            self.reached.set()
            self._go_on.wait(_LONG)
        self._count += 1


class Knocking:
    """Counts how often the writer of ``store`` asks for the lock."""

    def __init__(self, store: SqliteStore) -> None:
        self._begun = 0
        writer(store).set_trace_callback(self._trace)

    async def wait_refused(self, call: asyncio.Future[T]) -> None:
        """Return when the lock was asked for a second time, so refused a first time, or when ``call`` ended."""
        async with asyncio.timeout(_LONG):
            while self._begun < 2 and not call.done():  # noqa: ASYNC110 - a thread counts it
                await asyncio.sleep(0)

    def _trace(self, statement: str) -> None:
        self._begun += statement == "BEGIN IMMEDIATE"


async def interleaved(
    first_store: SqliteStore, first: Awaitable[T], number: int, second_store: SqliteStore, second: Awaitable[T]
) -> tuple[T, T, bool]:
    """Stop ``first`` before its ``number``-th statement, let ``second`` go as far as it gets, then both to the end.

    Answers both answers, and whether ``first`` has so many statements.
    """
    frozen, knocking = Frozen(first_store, number), Knocking(second_store)
    first_call = asyncio.ensure_future(first)
    try:
        reached = await frozen.wait_reached(first_call)
        second_call = asyncio.ensure_future(second)
        await knocking.wait_refused(second_call)
    finally:
        frozen.thaw()
    answers = await first_call, await second_call
    for store in (first_store, second_store):
        writer(store).set_trace_callback(None)
    return *answers, reached


def writer(store: SqliteStore) -> sqlite3.Connection:
    """The connection that writes."""
    connection = store._database._writer.connection
    assert connection is not None
    return connection
