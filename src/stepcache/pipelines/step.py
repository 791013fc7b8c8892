"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepcache.artifacts.scratch import remove
from stepcache.cache.cache import Holding
from stepcache.executors import environment, lightweight
from stepcache.executors.lightweight import LightweightComponent
from stepcache.executors.step import StepCommand
from stepcache.pipelines import command_line, executor_input, supervised, task_key, task_outputs
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container, Task
from stepcache.pipelines.session import Session
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
    executor: Mapping[str, str]
    """What runs it, as keys name it."""
    refreshes: bool = False

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """See ``Work``."""
        return task_key.of(
            task,
            self.component,
            self.inputs.without(ignored),
            namespace,
            container=self.container,
            executor=self.executor,
        )

    def template(self) -> Mapping[str, Any]:
        """See ``Work``."""
        return {"image": self.container.image, "command": self.container.command, "args": self.container.args}

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """See ``Work``."""
        scratch = await asyncio.to_thread(session.artifacts.scratch)
        temporary = session.temporary.new()
        try:
            command = await asyncio.to_thread(_prepare, self, scratch, temporary, session.open_log(record), session)
            ended = await supervised.run(command, session, holding)
            if not ended.ok:
                raise StepFailedError(f"the step {supervised.describe(ended)}")
            paths = OutputPaths(scratch / "outputs")
            try:
                return await asyncio.to_thread(task_outputs.collect, self.component, paths, session.artifacts)
            except ValueError as error:
                raise StepFailedError(str(error)) from error
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, scratch, temporary))


def _remove(*directories: Path) -> None:
    for directory in directories:
        remove(directory)


def _prepare(step: Step, scratch: Path, temporary: Path, log: Path, session: Session) -> StepCommand:
    paths = OutputPaths(scratch / "outputs")
    work = scratch / "work"
    for directory in (
        work,
        paths.parameter("x").parent,
        paths.artifact("x").parent,
    ):
        directory.mkdir(parents=True)
    told = executor_input.build(step.component, step.inputs, paths, session.artifacts.path)
    if step.code is None:
        if not step.container.command:
            raise StepFailedError(f"it runs the program that the image {step.container.image} starts by itself")
        argv = command_line.resolve((*step.container.command, *step.container.args), told, step.run)
        declared = step.container.environment
    else:
        module = scratch / lightweight.MODULE_NAME
        module.write_text(step.code.source, encoding="utf-8")
        argv = command_line.resolve(lightweight.command(step.code, sys.executable, module), told, step.run)
        declared = {**step.container.environment, **lightweight.ENVIRONMENT}
    return StepCommand(
        argv=tuple(argv),
        environment=environment.build(declared, session.environment, temporary),
        directory=work,
        log=log,
    )
