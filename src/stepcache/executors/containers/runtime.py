"""Running steps in containers, for one run of the engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from stepcache import container_engine, processes
from stepcache.container_engine import OWNER_LABEL, PROGRAMS, ContainerEngine, ContainerEngineError, Reference
from stepcache.errors import InputError
from stepcache.executors.containers import arguments, variables
from stepcache.executors.containers.arguments import User
from stepcache.executors.containers.command import ContainerCommand
from stepcache.executors.containers.guard import Guard
from stepcache.executors.containers.identity import Identity
from stepcache.executors.containers.image import Image, PullPolicy
from stepcache.executors.containers.images import Images
from stepcache.executors.containers.running_container import RunningContainer
from stepcache.executors.step import StepCommand
from stepcache.executors.supervisor import Supervisor

_SWEEP_PATIENCE = 10.0
_ENVIRONMENT_FILE = ".container-environment"
_HOME = "home"


class ContainerRuntime:
    """docker or podman, having answered, with the supervisor below which its clients run."""

    def __init__(
        self, engine: ContainerEngine, supervisor: Supervisor, announce: Callable[[str], None] | None = None
    ) -> None:
        """Use ``engine``; ``announce`` is called with the name of an image that is about to be pulled."""
        self._engine = engine
        self._supervisor = supervisor
        self._images = Images(engine, supervisor, announce)
        self._owner = container_engine.owner(processes.this_host(), processes.this_process())
        self._user = User.inside(engine, os.geteuid(), os.getegid())
        self._guard: Guard | None = None
        self._running: set[RunningContainer] = set()

    @classmethod
    async def find(
        cls,
        supervisor: Supervisor,
        *,
        programs: Sequence[str] = PROGRAMS,
        environment: Mapping[str, str] = os.environ,
        announce: Callable[[str], None] | None = None,
    ) -> Self:
        """The first of ``programs`` whose engine answers. Raises InputError when none does, with what each said.

        ``environment`` is the engine's own: docker and podman find their settings by it.
        """
        return cls(await answering(programs, environment), supervisor, announce)

    @property
    def reference(self) -> Reference:
        """What a claim has to name (``Ticket.containers``), so that whoever recovers it ends its containers."""
        return self._engine.reference

    async def image(self, name: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> Image:
        """The image that ``name`` stands for in this run; see ``Images.find``."""
        return await self._images.find(name, policy)

    async def known(self, name: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> Image | None:
        """The same, if that is known without pulling; see ``Images.known``."""
        return await self._images.known(name, policy)

    async def run(self, command: ContainerCommand) -> RunningContainer:
        """Start a step. Its ``wait`` tells of everything that goes wrong after the client was started.

        Raises InputError for what no container can be started with, naming it, and StepcacheError as the supervisor
        does. When this call is cancelled, no container of the step is left.
        """
        command.check()
        declared = dict(command.environment)
        if self._user.uid != 0:  # the image has no home that such a user could write to
            declared.setdefault("HOME", str(command.directory / _HOME))
        chosen = variables.divide(declared, self._engine.environment)
        identity = Identity.new(self._owner, command.labels)
        file = command.directory / _ENVIRONMENT_FILE if chosen.file else None
        argv = arguments.run(self._engine, command, identity=identity, user=self._user, variables=chosen, file=file)
        client = StepCommand(argv, {**self._engine.environment, **chosen.client}, command.directory, command.log)
        client.check()
        await asyncio.to_thread(_prepare, command.directory, file, chosen.file)
        return await self._start(client, identity, file)

    async def sweep(self) -> int:
        """Remove the containers that engines of this machine left which are gone; how many engines that were.

        Raises ContainerEngineError when the engine does not answer any more.
        """
        gone = [owner for owner in await self._owners() if container_engine.owner_is_gone(owner)]
        for owner in gone:
            await self._engine.remove(f"{OWNER_LABEL}={owner}", _SWEEP_PATIENCE)
        return len(gone)

    async def close(self) -> None:
        """Stop what is being pulled, and return once every container is removed. The supervisor is closed before.

        Containers that still run when the supervisor is closed are removed. May be called again.
        """
        await self._images.close()
        await asyncio.gather(*(step.wait() for step in self._running), return_exceptions=True)
        self._running.clear()
        if self._guard is not None:
            guard, self._guard = self._guard, None
            await asyncio.to_thread(guard.dismiss)

    async def _start(self, command: StepCommand, identity: Identity, file: Path | None) -> RunningContainer:
        if self._guard is None:
            supervisor = await self._supervisor.started()
            self._guard = self._guard or Guard(self._engine, self._owner, supervisor)
        try:
            client = await self._supervisor.run(command)
        except BaseException:  # cancelled, too: the client may have come as far as to make the container
            await asyncio.shield(self._abandon(identity, file))
            raise
        running = RunningContainer(client, self._engine, identity, file)
        self._running = {other for other in self._running if not other.has_ended} | {running}
        return running

    async def _abandon(self, identity: Identity, file: Path | None) -> None:
        if file is not None:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        await self._engine.remove(identity.label, _SWEEP_PATIENCE)

    async def _owners(self) -> set[str]:
        found = await self._engine.containers(OWNER_LABEL)
        if not found:
            return set()
        template = f'{{{{index .Config.Labels "{OWNER_LABEL}"}}}}'
        # Its exit code says only that one of them is gone meanwhile.
        answer = await self._engine.call("container", "inspect", "--format", template, *found)
        return set(answer.output.split())


async def answering(
    programs: Sequence[str] = PROGRAMS, environment: Mapping[str, str] = os.environ
) -> ContainerEngine:
    """The first of ``programs`` whose engine answers. Raises InputError when none does, with what each said."""
    problems = []
    for program in programs:
        try:
            return await ContainerEngine.find(program, environment)
        except ContainerEngineError as error:
            problems.append(str(error))
    raise InputError(
        f"no container engine can be used: {'; '.join(problems)}",
        remedy="install docker or podman, or start it, and see that this user may use it",
    )


def _prepare(directory: Path, file: Path | None, text: str) -> None:
    (directory / _HOME).mkdir(exist_ok=True)
    if file is not None:
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
