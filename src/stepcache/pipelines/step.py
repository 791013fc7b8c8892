"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepcache.artifacts.scratch import remove
from stepcache.cache.cache import Holding
from stepcache.container_engine import Reference
from stepcache.executors.lightweight import LightweightComponent
from stepcache.pipelines import secret_outputs, step_command, supervised, task_key, task_outputs
from stepcache.pipelines.model import Component, Container, Task
from stepcache.pipelines.place import Place
from stepcache.pipelines.platform.provision import Provision
from stepcache.pipelines.session import Session
from stepcache.pipelines.step_command import Workshop
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError


@dataclass(frozen=True, slots=True)
class Step:
    """The execution of a container's command by a process: what, with which inputs. Promises what ``Work`` does."""

    component: Component
    container: Container
    code: LightweightComponent | None
    """The Python function that the command runs; None for any other command."""
    inputs: Values
    run: Mapping[str, str]
    """The placeholders of the run."""
    place: Place
    keyed: Values
    """The inputs as they enter the key: without the values of secrets."""
    provision: Provision
    """What it gets in place of what a pod has."""
    refreshes: bool = False
    containers: Reference | None = None

    @property
    def is_reusable(self) -> bool:
        """See ``Work``."""
        return self.provision.is_reusable

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """See ``Work``."""
        return task_key.of(
            task,
            self.component,
            self.keyed.without(ignored),
            namespace,
            container=self.container,
            share=self.provision.key,
            executor=self.place.executor,
        )

    def template(self) -> Mapping[str, Any]:
        """See ``Work``."""
        return {"image": self.container.image, "command": self.container.command, "args": self.container.args}

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """See ``Work``."""
        python = await self.place.ready()
        scratch = await asyncio.to_thread(session.artifacts.scratch)
        temporary = session.temporary.new()
        try:
            workshop = Workshop(scratch, temporary, session.open_log(record), python)
            return await self._perform(workshop, record, session, holding)
        except ValueError as error:  # from what the step left, or from what it was to be told
            raise StepFailedError(session.cluster.redactor.text(str(error))) from None
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, scratch, temporary))

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
            await asyncio.to_thread(secret_outputs.warn, values, record, session)
        return values


def _remove(*directories: Path) -> None:
    for directory in directories:
        remove(directory)
