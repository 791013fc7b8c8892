"""One connection, and the one thread that uses it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class ConnectionThread:
    """Runs work on a connection that is made, on the thread, when it is first needed.

    Work of one thread never overlaps. Serves any number of event loops.
    """

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self.connection: sqlite3.Connection | None = None
        self._connect = connect
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``work(connection, ...)``, on the thread. A cancelled caller does not stop work that has begun."""

        def job() -> T:
            if self.connection is None:
                self.connection = self._connect()
            return work(self.connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def close(self) -> None:
        """Close the connection after the work that was asked for before, and end the thread."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        finally:
            self._thread.shutdown()

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
