"""Operations that a cancellation must not cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(
    operation: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[object]] | None = None
) -> T:
    """Await ``operation``. A cancellation of the caller waits until it has ended, calls ``undo`` with what it
    answered, and is raised then.

    A claim that is granted while its caller is being cancelled would otherwise be held by nobody until its lease
    runs out.
    """
    task = asyncio.ensure_future(operation)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled() and task.exception() is None and undo is not None:
            await undo(task.result())
        raise
