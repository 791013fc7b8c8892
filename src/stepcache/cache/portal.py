"""An event loop on a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from stepcache.errors import StepcacheError

T = TypeVar("T")


class Portal:
    """Runs coroutines for threads. The loop's thread ends with ``close``, or with the interpreter."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._closed = False
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="stepcache", daemon=True)
        self._thread.start()
        started.wait()

    def call(
        self, coroutine: Coroutine[Any, Any, T], undo: Callable[[T], Coroutine[Any, Any, object]] | None = None
    ) -> T:
        """Run ``coroutine`` and wait for its answer.

        When the waiting thread is interrupted (Ctrl-C), the coroutine is cancelled, and the interruption raised
        once it has ended; if it had an answer all the same, ``undo`` is run with that.
        """
        try:
            self._check()
        except StepcacheError:
            coroutine.close()
            raise
        ended = threading.Event()
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            task = self._loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(lambda _: ended.set())

        def cancel() -> None:
            tasks[0].cancel()

        self._loop.call_soon_threadsafe(start)
        try:
            ended.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(cancel)
            ended.wait()
            task = tasks[0]
            if not task.cancelled() and task.exception() is None and undo is not None:
                self.call(undo(task.result()))
            raise
        return tasks[0].result()

    def close(self) -> None:
        """End the thread. Idempotent."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            started.set()
            await self._stop.wait()

        asyncio.run(serve())

    def _check(self) -> None:
        if self._process != os.getpid():
            raise StepcacheError(
                "this cache was opened before the process forked: its thread is in the parent",
                remedy="call stepcache.open() in the child",
            )
        if self._closed:
            raise StepcacheError("this cache is closed")
        if threading.current_thread() is self._thread:
            raise StepcacheError(
                "the synchronous cache was called from its own event loop", remedy="use stepcache.open_async()"
            )
