"""The sessions of one process to one server, on one event loop.

The drivers' own pools are not used: asyncpg's spends a round trip on resetting a session at each return, and the
two differ in what a full pool, a closed one and a broken session do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from stepcache.errors import StoreUnavailableError
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.watchdog import Watchdog

LONGEST_IDLE: Final = 20.0
"""Seconds after which a session that nobody used is not trusted any more. Servers, and what stands between them and
us, drop idle sessions after some time; ours ask MySQL to do so after 60 s.
"""


class Pool:
    """At most ``size`` sessions, made when they are needed. Whoever comes when all are in use waits in line."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int, watchdog: Watchdog) -> None:
        self.watchdog = watchdog
        """Of those who use the sessions."""
        self._connect = connect
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[tuple[Connection, float]] = []
        self._farewell: AsyncGenerator[None, None] | None = None
        self.closed = False

    async def open(self) -> None:
        """Be closed when the event loop is, if nobody closes it before: ``asyncio.run`` ends generators."""
        self._farewell = self._close_at_the_end()
        await anext(self._farewell)

    async def reserve(self, patience: float) -> None:
        """Wait in line for a session; ``take`` it then.

        Raises StoreUnavailableError when for ``patience`` seconds all were in use.
        """
        if not self._free.locked():  # nobody waits: then this does not, and a timeout is not worth its price
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"all {self._size} database sessions of this process were in use for {patience:g} seconds",
                remedy="raise ?pool_size= in the store's URL, or look at what keeps the server busy",
            ) from error

    def take_idle(self) -> Connection | None:
        """The reserved session, if one is there; give it back by ``put_back`` or ``discard``. Else ``make`` it."""
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_usable() and time.monotonic() - since < LONGEST_IDLE:
                return connection
            connection.abort()
        return None

    async def make(self) -> Connection:
        """The reserved session, a new one. If it raises, nothing is reserved."""
        try:
            return await self._connect()
        except BaseException:
            self._free.release()
            raise

    def put_back(self, connection: Connection) -> None:
        """The session is as it was when it was taken."""
        self._idle.append((connection, time.monotonic()))
        self._free.release()

    def discard(self, connection: Connection) -> None:
        """Nobody knows what state the session is in: end it."""
        connection.abort()
        self._free.release()

    def distrust_idle(self) -> None:
        """The server may have gone: no idle session is used again."""
        for connection, _ in self._idle:
            connection.abort()
        self._idle.clear()

    async def close(self) -> None:
        """Wait for those who asked before, then end every session. Idempotent."""
        farewell, self._farewell = self._farewell, None
        if farewell is not None:
            await farewell.aclose()

    async def _close_at_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._farewell = None
            for _ in range(self._size):
                await self._free.acquire()
            self.closed = True
            for connection, _ in self._idle:
                await connection.close()
            self._idle.clear()
            self.watchdog.close()
            for _ in range(self._size):
                self._free.release()
