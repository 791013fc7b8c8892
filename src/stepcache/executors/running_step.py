"""A step that was started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stepcache.errors import StepcacheError
from stepcache.executors.step import StepExit
from stepcache.processes import Process


class RunningStep:
    """One step, from its start until the last of its processes has ended."""

    process: Process
    """Its first process."""
    group: int
    """The process group, and session, that the first process leads."""
    reaper: Process
    """The parent of the first process. It ends only after every process of the step."""

    def __init__(self, process: Process, reaper: Process, send: Callable[[str], None]) -> None:
        self.process = process
        self.group = process.pid
        self.reaper = reaper
        self._send = send
        self._outcome: asyncio.Future[StepExit | StepcacheError] = asyncio.get_running_loop().create_future()

    async def wait(self) -> StepExit:
        """How the first process ended, once no process of the step is left.

        What the first process leaves behind when it ends by itself is killed first, daemons with a session of
        their own included: no output changes after this call has answered. Any number of callers may wait;
        cancelling one changes nothing for the step. Raises StepcacheError when the supervisor or the step's reaper
        was killed: then how the step ended is not known, and none of its processes is left either.
        """
        outcome = await asyncio.shield(self._outcome)
        if isinstance(outcome, StepcacheError):
            raise outcome
        return outcome

    async def stop(self, grace: float) -> StepExit:
        """Send TERM to the step's group, and after ``grace`` seconds KILL to every process of the step.

        Answers, or raises, as ``wait`` does. Harmless for a step that has ended. When this call is cancelled the
        step is killed, and the cancellation goes on without waiting for that.
        """
        self._send("terminate")
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            self._send("kill")
        except asyncio.CancelledError:
            self._send("kill")
            raise
        return await self.wait()

    def settle(self, outcome: StepExit | StepcacheError) -> None:
        """Answer everyone who waits (called by the supervisor, once)."""
        self._outcome.set_result(outcome)
