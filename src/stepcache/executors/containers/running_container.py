"""A step that was started in a container."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

from stepcache.container_engine import ContainerEngine, ContainerEngineError
from stepcache.errors import StepcacheError
from stepcache.executors.containers import state as states
from stepcache.executors.containers.identity import Identity
from stepcache.executors.containers.state import State
from stepcache.executors.running_step import RunningStep
from stepcache.executors.step import StepExit
from stepcache.processes import Process

REMOVAL_PATIENCE = 60.0
"""Seconds that the engine has to remove a container that is to end."""
_PAUSE = 0.05


class ContainerNotEndedError(StepcacheError):
    """A container could not be ended: its engine does not answer any more, so the step may still be running.

    Whoever holds the step's claim must not give it back: its lease has to run out.
    """


class RunningContainer:
    """One step in a container: ``RunningStep``'s promises, for all processes of the container too."""

    process: Process
    """The client: ``docker run``."""
    group: int
    """The client's process group."""
    reaper: Process
    """The parent of the client. It ends only after every process below it."""

    def __init__(
        self, client: RunningStep, engine: ContainerEngine, identity: Identity, environment_file: Path | None
    ) -> None:
        self.process = client.process
        self.group = client.group
        self.reaper = client.reaper
        self._client = client
        self._engine = engine
        self._identity = identity
        self._environment_file = environment_file
        self._killing: asyncio.Task[None] | None = None
        self._end = asyncio.create_task(self._follow(), name=f"container {identity.name}")

    @property
    def name(self) -> str:
        """What the container is called."""
        return self._identity.name

    @property
    def has_ended(self) -> bool:
        """Whether it is over, its container is removed, and nothing went wrong with that."""
        return self._end.done() and not self._end.cancelled() and self._end.exception() is None

    async def wait(self) -> StepExit:
        """How the container ended, once it is removed and no process of it is left.

        Any number of callers may wait; cancelling one changes nothing for the step. Raises StepcacheError when the
        supervisor died, the container being removed then, and ContainerNotEndedError.
        """
        return await asyncio.shield(self._end)

    async def stop(self, grace: float) -> StepExit:
        """Send TERM to the container's first process, and after ``grace`` seconds KILL to all of them.

        Answers, or raises, as ``wait`` does. Harmless for a step that has ended. As everywhere in containers, a
        first process that installs no handler does not hear TERM. When this call is cancelled the container is
        removed at once, and the cancellation goes on without waiting for that.
        """
        try:
            if grace > 0 and not self._end.done():
                await self._terminate(grace)
        finally:
            if self._killing is None:
                self._killing = asyncio.create_task(self._kill(), name=f"end of container {self.name}")
        return await self.wait()

    async def _terminate(self, grace: float) -> None:
        """Tell the container itself. A client that is told before its container runs just ends: the container then
        starts all the same, and (podman's) exit code is 0.
        """
        with contextlib.suppress(TimeoutError, StepcacheError):  # what went wrong is said by wait
            async with asyncio.timeout(grace):
                while not self._end.done():
                    if (await self._engine.call("kill", "--signal", "TERM", self.name)).code == 0:
                        break
                    await asyncio.sleep(_PAUSE)
                await self.wait()

    async def _kill(self) -> None:
        with contextlib.suppress(StepcacheError):
            await self._client.stop(0)

    async def _follow(self) -> StepExit:
        """Wait for the client; then, whatever happened to it, ask how the container ended, and remove that."""
        problem: StepcacheError | None = None
        client = StepExit(None, None)
        try:
            client = await self._client.wait()
        except StepcacheError as error:
            problem = error
        state = None
        try:
            state = await self._state()
        finally:
            await self._remove()
        if problem is not None:
            raise problem
        return states.judge(client, state, self._engine.reference.program)

    async def _state(self) -> State | None:
        """None for a container that is not there, or of which nothing can be learned."""
        try:
            answer = await self._engine.call("container", "inspect", "--format", "{{json .State}}", self.name)
            return State.read(json.loads(answer.output)) if answer.code == 0 else None
        except (ContainerEngineError, ValueError, KeyError, TypeError):
            return None

    async def _remove(self) -> None:
        if self._environment_file is not None:
            self._environment_file.unlink(missing_ok=True)
        try:
            if await self._engine.force_away(self.name):
                return
        except ContainerEngineError:
            pass  # tried again below
        if not await self._engine.remove(self._identity.label, REMOVAL_PATIENCE):
            program = self._engine.reference.program
            raise ContainerNotEndedError(
                f"{program} does not remove the container {self.name}, which may still be running",
                remedy=f"see that {program} answers, then: {program} rm --force {self.name}",
            )
