"""Forced interleavings on a server: a store stands still before a chosen statement while another goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from stepcache.stores.sql.connection import Connection, Row, Values
from stepcache.stores.sql.statement import Statement
from stepcache.stores.sql.store import SqlStore
from tests.servers.server import Server, Session

T = TypeVar("T")
_LONG = 20.0  # seconds; only a broken test waits for so long


class Gate:
    """Lets statements pass, all but the ``number``-th from now on, before which whoever comes stands still."""

    def __init__(self, number: int = -1) -> None:
        self._left = number
        self.reached = asyncio.Event()
        self._go_on = asyncio.Event()

    async def passing(self) -> None:
        if self._left == 0:
            self.reached.set()
            await self._go_on.wait()
        self._left -= 1

    async def wait_reached(self, call: asyncio.Future[Any]) -> bool:
        """True when somebody stands still; False when ``call`` ended first: it has fewer statements."""
        waiting = asyncio.ensure_future(self.reached.wait())
        await asyncio.wait([call, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=_LONG)
        waiting.cancel()
        return self.reached.is_set()

    def open(self) -> None:
        self._left = -1
        self._go_on.set()


class Stepped:
    """A session each of whose statements passes the gate first."""

    def __init__(self, connection: Connection, steps: Steps) -> None:
        self._connection = connection
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        await self._steps.gate.passing()
        return await self._connection.fetch(statement, values)

    async def execute(self, statement: Statement, values: Values) -> int:
        await self._steps.gate.passing()
        return await self._connection.execute(statement, values)

    async def execute_many(self, statement: Statement, many: Sequence[Values]) -> None:
        await self._steps.gate.passing()
        await self._connection.execute_many(statement, many)

    async def begin(self) -> None:
        await self._steps.gate.passing()
        await self._connection.begin()

    async def commit(self) -> None:
        await self._steps.gate.passing()
        await self._connection.commit()


class Steps:
    """Puts every session of ``store``, from now on, behind ``gate``."""

    def __init__(self, store: SqlStore) -> None:
        self.gate = Gate()
        database = store._database
        connect = database.driver.connect

        async def stepped() -> Any:
            return Stepped(await connect(), self)

        database.driver.connect = stepped  # type: ignore[method-assign]
        for pool in database._pools.values():
            pool._connect = stepped
            pool.distrust_idle()


async def as_far_as_it_gets(call: asyncio.Future[Any], server: Server, session: Session) -> None:
    """Return when ``call`` has ended, or waits for a lock."""
    async with asyncio.timeout(_LONG):
        while not call.done() and not await server.waiting(session):  # noqa: ASYNC110 - the server knows
            await asyncio.sleep(0.001)


async def interleaved(
    first: Awaitable[T], steps: Steps, number: int, second: Awaitable[T], *, server: Server, session: Session
) -> tuple[T, T, bool]:
    """See ``races.Arena.interleaved``."""
    steps.gate = gate = Gate(number)
    first_call = asyncio.ensure_future(first)
    try:
        reached = await gate.wait_reached(first_call)
        second_call = asyncio.ensure_future(second)
        await as_far_as_it_gets(second_call, server, session)
    finally:
        gate.open()
    return await first_call, await second_call, reached
