"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stepcache.cache.cache import Holding
from stepcache.cache.uninterrupted import uninterrupted
from stepcache.container_engine import Reference
from stepcache.executors.environments.environment import Environment
from stepcache.executors.lightweight import LightweightComponent
from stepcache.executors.step import StepCommand, StepExit
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import secret_outputs, supervised, task_outputs
from stepcache.pipelines.command_work import CommandWork
from stepcache.pipelines.place import Place
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError

if TYPE_CHECKING:
    from stepcache.pipelines.step_command import Workshop


@dataclass(frozen=True, kw_only=True)
class Step(CommandWork):
    """A command that runs as a process of this machine."""

    code: LightweightComponent | None
    """The Python function that the command runs; None for any other command."""
    place: Place
    containers: Reference | None = None

    @property
    def executor(self) -> Mapping[str, str]:
        """See ``CommandWork``."""
        return self.place.executor

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """See ``Work``."""
        python = await self.place.ready(session.environments)
        log = session.open_log(record)
        made: list[Path] = []
        try:
            workshop, command = await uninterrupted(asyncio.to_thread(self._prepare, made, log, python, session))
            try:
                ended = await supervised.run(command, session, holding, limit=self.provision.timeout)
            finally:
                if session.cluster.redactor:
                    await asyncio.shield(asyncio.to_thread(session.cluster.redactor.file, log))
            return await self._collected(ended, workshop, record, session)
        except ValueError as error:  # from what the step left, or from what it was to be told
            raise StepFailedError(session.cluster.redactor.text(str(error))) from None
        finally:
            session.leftovers.remove(made)

    def _prepare(
        self, made: list[Path], log: Path, python: Environment, session: Session
    ) -> tuple[Workshop, StepCommand]:
        """Make what the step needs; every directory is noted in ``made`` as soon as it is there. Blocks."""
        from stepcache.pipelines import step_command  # of no use to a task that is reused

        made.append(scratch := session.artifacts.scratch())
        made.append(temporary := session.temporary.new())
        workshop = step_command.Workshop(scratch, temporary, log, python)
        command = step_command.prepare(
            workshop,
            container=self.container,
            code=self.code,
            component=self.component,
            inputs=self.inputs,
            run=self.run,
            provision=self.provision,
            session=session,
        )
        return workshop, command

    async def _collected(self, ended: StepExit, workshop: Workshop, record: TaskRecord, session: Session) -> Values:
        if not ended.ok:
            raise StepFailedError(f"the step {ended.describe()}")
        values = await asyncio.to_thread(task_outputs.collect, self.component, workshop.outputs, session.artifacts)
        if self.provision.has_secrets:
            await secret_outputs.warn(values, record, session)
        return values
