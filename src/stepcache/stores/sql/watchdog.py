"""An end to operations that get no answer.

One timer serves all that are under way: to make and cancel one for each costs a tenth of a look-up, the way to the
server included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_LOOKS: Final = 8
"""How often an operation is looked at in the time that it has: it may be ended late by one of so many parts."""


class Watchdog:
    """Ends the operations of one event loop, each of them in a task of its own at a time."""

    def __init__(self, patience: Callable[[], float]) -> None:
        """``patience`` tells how many seconds an operation has."""
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._running: dict[asyncio.Task[object], tuple[float, int]] = {}
        """By when it is to be over, and how often its task had been asked to end when it began."""
        self._ended: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[object]) -> None:
        """The operation of ``task`` begins: it is cancelled unless ``end`` is called in time."""
        patience = self._patience()
        self._running[task] = (self._loop.time() + patience, task.cancelling())
        if self._timer is None:
            self._timer = self._loop.call_later(patience / _LOOKS, self._look)

    def end(self, task: asyncio.Task[object]) -> bool:
        """The operation is over. Whether it was cancelled here, and by nobody else."""
        _, asked_before = self._running.pop(task)
        if task not in self._ended:
            return False
        self._ended.discard(task)
        return task.uncancel() <= asked_before

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        for task, (due, _) in self._running.items():
            if due <= now and task not in self._ended:
                self._ended.add(task)
                task.cancel()
        pause = self._patience() / _LOOKS
        self._timer = self._loop.call_later(pause, self._look) if self._running else None
