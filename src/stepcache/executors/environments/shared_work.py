"""Work that several callers ask for, and that is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from stepcache.light_dataclasses import dataclass

_Key = TypeVar("_Key", bound=Hashable)
_Result = TypeVar("_Result")


@dataclass
class _Work(Generic[_Result]):
    task: asyncio.Task[_Result]
    waiting: int = 0

    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


class SharedWork(Generic[_Key, _Result]):
    """Results by key, each produced once, however many callers wait for it. Belongs to one event loop."""

    def __init__(self) -> None:
        self._works: dict[_Key, _Work[_Result]] = {}

    async def get(self, key: _Key, produce: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """The result for ``key``, by ``produce`` when nobody has asked for it before.

        A caller that is cancelled leaves the work to the others; the last one's cancels it too, and waits for its
        end. What fails fails for all who wait, and the next caller tries anew.
        """
        work = self._works.get(key)
        if work is None:
            work = self._works[key] = _Work(asyncio.ensure_future(produce()))
        work.waiting += 1
        try:
            return await asyncio.shield(work.task)
        except BaseException:
            abandoned = work.waiting == 1 and not work.task.done()
            if (abandoned or work.failed()) and self._works.get(key) is work:
                del self._works[key]
            if abandoned:
                work.task.cancel()
                await asyncio.wait([work.task])
                work.failed()  # takes note of an error: nobody else will
            raise
        finally:
            work.waiting -= 1
