"""What executes a task, a process or a container, below the engine's supervisor and under the task's claim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

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


async def run(command: StepCommand, session: Session, holding: Holding | None) -> StepExit:
    """Run ``command`` as a process and answer how it ended; raises as ``follow`` does."""
    return await follow(lambda: session.supervisor.run(command), session, holding)


async def follow(start: Callable[[], Awaitable[Running]], session: Session, holding: Holding | None) -> StepExit:
    """Start a step and answer how it ended, when nothing of it is left.

    Raises StepStoppedError when the claim was lost: it was stopped then, or not begun. It has ended with
    the lease, if need be by KILL before its grace is over (protocol.md, P4). A cancellation stops it first. Raises
    StepFailedError for what cannot be started.
    """
    if holding is not None and holding.lost.is_set():
        raise StepStoppedError
    try:
        running = await start()
    except InputError as error:
        raise StepFailedError(str(error)) from error
    try:
        if holding is None:
            return await running.wait()
        await holding.annotate(StepProcess(running.reaper, running.process, running.group))
        return await _wait_while_held(running, holding, session.grace)
    except BaseException:
        await asyncio.shield(running.stop(session.grace))
        raise


async def _wait_while_held(running: Running, holding: Holding, grace: float) -> StepExit:
    ended = asyncio.ensure_future(running.wait())
    lost = asyncio.ensure_future(holding.lost.wait())
    try:
        await asyncio.wait((ended, lost), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return ended.result()
    finally:
        ended.cancel()
        lost.cancel()
    await running.stop(min(grace, holding.seconds_left))
    raise StepStoppedError
