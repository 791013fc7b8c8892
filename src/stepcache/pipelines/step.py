"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from stepcache.cache.cache import Holding
from stepcache.container_engine import Reference
from stepcache.executors.lightweight import LightweightComponent
from stepcache.pipelines import secret_outputs, step_command, supervised, task_outputs
from stepcache.pipelines.command_work import CommandWork
from stepcache.pipelines.place import Place
from stepcache.pipelines.session import Session
from stepcache.pipelines.step_command import Workshop
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError


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
        scratch = await asyncio.to_thread(session.artifacts.scratch)
        temporary = session.temporary.new()
        try:
            workshop = Workshop(scratch, temporary, session.open_log(record), python)
            return await self._perform(workshop, record, session, holding)
        except ValueError as error:  # from what the step left, or from what it was to be told
            raise StepFailedError(session.cluster.redactor.text(str(error))) from None
        finally:
            session.leftovers.remove([scratch, temporary])

    async def _perform(
        self, workshop: Workshop, record: TaskRecord, session: Session, holding: Holding | None
    ) -> Values:
        command = await asyncio.to_thread(
            step_command.prepare,
            workshop,
            container=self.container,
            code=self.code,
            component=self.component,
            inputs=self.inputs,
            run=self.run,
            provision=self.provision,
            session=session,
        )
        try:
            ended = await supervised.run(command, session, holding)
        finally:
            if session.cluster.redactor:
                await asyncio.shield(asyncio.to_thread(session.cluster.redactor.file, workshop.log))
        if not ended.ok:
            raise StepFailedError(f"the step {ended.describe()}")
        values = await asyncio.to_thread(task_outputs.collect, self.component, workshop.outputs, session.artifacts)
        if self.provision.has_secrets:
            await secret_outputs.warn(values, record, session)
        return values
