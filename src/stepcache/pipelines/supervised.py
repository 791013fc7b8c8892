"""A process that executes a task, below the engine's supervisor and under the task's claim."""

from __future__ import annotations

import asyncio

from stepcache.cache.cache import Holding
from stepcache.cache.holder import StepProcess
from stepcache.errors import InputError
from stepcache.executors.running_step import RunningStep
from stepcache.executors.step import StepCommand, StepExit
from stepcache.pipelines.session import Session
from stepcache.pipelines.work import StepFailedError, StepStoppedError


async def run(command: StepCommand, session: Session, holding: Holding | None) -> StepExit:
    """Run ``command`` and answer how it ended, when no process of it is left.

    Raises StepStoppedError when the claim was lost: it was stopped then. A cancellation stops it first. Raises
    StepFailedError for a command that cannot be started.
    """
    try:
        running = await session.supervisor.run(command)
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


def describe(ended: StepExit) -> str:
    """How a process ended, in words that follow its name."""
    if ended.signal is not None:
        import signal

        return f"was ended by {signal.Signals(ended.signal).name}"
    return f"ended with exit code {ended.code}"


async def _wait_while_held(running: RunningStep, holding: Holding, grace: float) -> StepExit:
    ended = asyncio.ensure_future(running.wait())
    lost = asyncio.ensure_future(holding.lost.wait())
    try:
        await asyncio.wait((ended, lost), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return ended.result()
    finally:
        ended.cancel()
        lost.cancel()
    await running.stop(grace)
    raise StepStoppedError
