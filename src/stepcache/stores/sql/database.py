"""One database server as one process uses it (protocol.md, SQL rules).

READ COMMITTED, the primary only. Every operation may be done again, and is, with jitter, for as long as patience
lasts: when the server asks for it (a deadlock, a serialization failure, a lock that was waited for too long), and
when the session breaks (a server that restarts).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, TypeVar, cast

from stepcache.errors import StepcacheError, StoreUnavailableError
from stepcache.stores.sql.connection import Connection, Driver, RacedError
from stepcache.stores.sql.pool import Pool
from stepcache.stores.sql.watchdog import Watchdog

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE: Final = 30.0
"""Seconds for which an operation goes on trying. A server restarts within that time."""
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 1.0


class SqlDatabase:
    """Runs operations. Serves any number of event loops, each with sessions of its own."""

    def __init__(self, driver: Driver, *, patience: float = PATIENCE) -> None:
        self.driver = driver
        self.patience = patience
        self._process = os.getpid()
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._closed = False
        self._established = False
        """Whether there has been a session. Before that, an address that leads nowhere is a mistake to be told."""

    async def open(self) -> None:
        """Make one session, so that a wrong address or password is known at once.

        Raises InputError or StoreUnavailableError. Only what passes by itself is waited for: a server that is
        starting, or that has as many sessions as it allows.
        """
        await self.run(_nothing)
        self._established = True

    async def run(
        self,
        work: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """``work(connection, ...)``, to its end, once or more often; what it wrote in a transaction that it began
        lasts once, and if it raises, not at all.

        Raises StoreUnavailableError when the store cannot answer, and InputError for what cannot be stored.
        """
        self._check()
        try:
            return await self._attempt(work, *args, **kwargs)
        except StepcacheError:
            raise
        except Exception as error:
            if not self._is_transient(error):
                raise self.driver.explained(error) from error

        async def attempt() -> T:
            return await self._attempt(work, *args, **kwargs)

        return await self._patiently(attempt)

    async def close(self) -> None:
        """Wait for what was asked before, and end every session. Idempotent."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, pool in list(self._pools.items()):
            if loop is here:
                await pool.close()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(pool.close(), loop))
        self._pools.clear()

    async def _attempt(
        self,
        work: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        pool = self._pools.get(asyncio.get_running_loop()) or await self._new_pool()
        await pool.reserve(self.patience)
        task = cast("asyncio.Task[object]", asyncio.current_task())
        pool.watchdog.begin(task)
        try:
            answer = await self._use(pool, work, *args, **kwargs)
        except BaseException as error:
            if pool.watchdog.end(task) and isinstance(error, asyncio.CancelledError):
                raise self._silent() from error
            raise
        pool.watchdog.end(task)
        return answer

    async def _use(
        self,
        pool: Pool,
        work: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        connection = pool.take_idle() or await pool.make()
        try:
            answer = await work(connection, *args, **kwargs)
        except BaseException as error:
            if await self._recover(connection, error):
                pool.put_back(connection)
            else:
                pool.discard(connection)
                pool.distrust_idle()
            raise
        pool.put_back(connection)
        return answer

    async def _recover(self, connection: Connection, error: BaseException) -> bool:
        """Undo what was begun. False if the session is of no more use.

        A caller who was cancelled leaves a session in the middle of a statement, of which nobody waits for the end.
        """
        ours = isinstance(error, StepcacheError | RacedError)
        if not (ours or (isinstance(error, Exception) and self.driver.keeps_session(error))):
            return False
        if connection.in_transaction:
            try:
                await connection.rollback()
            except Exception:  # noqa: BLE001 - the error that led here is the one to tell
                return False
        return connection.is_usable()

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._is_transient),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
            stop=stop_after_delay(self.patience),
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except StepcacheError:
            raise
        except Exception as error:
            raise self.driver.explained(error) from error

    def _is_transient(self, error: BaseException) -> bool:
        if isinstance(error, RacedError):
            return True
        return self.driver.is_transient(error) and (self._established or not isinstance(error, OSError))

    async def _new_pool(self) -> Pool:
        loop = asyncio.get_running_loop()
        for ended in [ended for ended, pool in self._pools.items() if pool.closed]:
            del self._pools[ended]
        watchdog = Watchdog(lambda: self.patience)
        pool = self._pools[loop] = Pool(self.driver.connect, self.driver.address.pool_size, watchdog)
        await pool.open()
        return pool

    def _check(self) -> None:
        if self._process != os.getpid():
            raise StoreUnavailableError(
                f"the store {self.driver.address.place} was open when this process was forked, and a child has no"
                " share in its sessions",
                remedy="open the store again after the fork",
            )
        if self._closed:
            raise StoreUnavailableError(f"the store {self.driver.address.place} was closed")

    def _silent(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the database {self.driver.address.place} gave no answer within {self.patience:g} seconds",
            remedy="look at the server and the way to it",
        )


async def _nothing(connection: Connection) -> None:
    """Being connected is all."""
