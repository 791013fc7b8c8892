"""What executes a task, a process or a container, below the engine's supervisor and under the task's claim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from stepcache.cache.cache import Holding
from stepcache.cache.holder import StepProcess
from stepcache.errors import InputError
from stepcache.executors.step import StepCommand, StepExit
from stepcache.pipelines.session import Session
from stepcache.pipelines.work import StepFailedError, StepStoppedError
from stepcache.processes import Process


class Running(Protocol):
    """A step that was started: ``RunningStep`` and ``RunningContainer`` say what each promises."""

    process: Process
    group: int
    reaper: Process

    async def wait(self) -> StepExit:
        """How it ended, when nothing of it is left."""

    async def stop(self, grace: float) -> StepExit:
        """End it."""


async def run(command: StepCommand, session: Session, holding: Holding | None, *, limit: float = 0.0) -> StepExit:
    """Run ``command`` as a process and answer how it ended; raises as ``follow`` does."""
    return await follow(lambda: session.supervisor.run(command), session, holding, limit=limit)


async def follow(
    start: Callable[[], Awaitable[Running]], session: Session, holding: Holding | None, *, limit: float = 0.0
) -> StepExit:
    """Start a step and answer how it ended, when nothing of it is left.

    Raises StepStoppedError when the claim was lost: it was stopped then, or not begun. It has ended with
    the lease, if need be by KILL before its grace is over (protocol.md, P4). A cancellation stops it first. Raises
    StepFailedError for what cannot be started, and when it took longer than ``limit`` seconds (0 for no limit) from
    its start, however it ended after it was stopped then.
    """
    if holding is not None and holding.lost.is_set():
        raise StepStoppedError
    try:
        running = await start()
    except InputError as error:
        raise StepFailedError(str(error)) from error
    due = asyncio.get_running_loop().time() + limit if limit else None
    try:
        if holding is not None:
            await holding.annotate(StepProcess(running.reaper, running.process, running.group))
        ended = await _wait(running, holding, session.grace, due)
    except BaseException:
        await asyncio.shield(running.stop(session.grace))
        raise
    if ended is None:
        raise StepFailedError(
            f"the step took longer than {limit:g} s, the time that the pipeline gives it, and was stopped"
        )
    return ended


async def _wait(running: Running, holding: Holding | None, grace: float, due: float | None) -> StepExit | None:
    """How the step ended by itself; None when it was stopped because it was not over when it was ``due``."""
    if holding is None and due is None:
        return await running.wait()
    ended = asyncio.ensure_future(running.wait())
    watched: list[asyncio.Future[Any]] = [ended]
    if holding is not None:
        watched.append(asyncio.ensure_future(holding.lost.wait()))
    try:
        left = None if due is None else max(0.0, due - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if ended in done:
            return ended.result()
        if not done:
            stopping = asyncio.ensure_future(running.stop(grace))
            watched.append(stopping)
            await asyncio.wait(watched[1:], return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await stopping
                return None
    finally:
        for one in watched:
            one.cancel()  # a stop that is cancelled kills
    await running.stop(grace if holding is None else min(grace, holding.seconds_left))
    raise StepStoppedError
