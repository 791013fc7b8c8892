"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepcache.artifacts.scratch import remove
from stepcache.cache.cache import Holding
from stepcache.executors import environment, lightweight
from stepcache.executors.environments.environment import Environment
from stepcache.executors.lightweight import LightweightComponent
from stepcache.executors.step import StepCommand
from stepcache.pipelines import command_line, executor_input, supervised, task_key, task_outputs
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container, Task
from stepcache.pipelines.place import Place
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
    place: Place
    refreshes: bool = False

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """See ``Work``."""
        return task_key.of(
            task,
            self.component,
            self.inputs.without(ignored),
            namespace,
            container=self.container,
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
            workshop = _Workshop(scratch, temporary, session.open_log(record), python)
            command = await asyncio.to_thread(_prepare, self, workshop, session)
            ended = await supervised.run(command, session, holding)
            if not ended.ok:
                raise StepFailedError(f"the step {supervised.describe(ended)}")
            return await asyncio.to_thread(
                task_outputs.collect, self.component, workshop.outputs, session.artifacts
            )
        except ValueError as error:  # from what the step left, or from what it was to be told
            raise StepFailedError(str(error)) from error
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, scratch, temporary))


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What there is for one execution: its directories, its log, and the Python that it shares with others."""

    scratch: Path
    temporary: Path
    log: Path
    python: Environment

    @property
    def outputs(self) -> OutputPaths:
        return OutputPaths(self.scratch / "outputs")


def _remove(*directories: Path) -> None:
    for directory in directories:
        remove(directory)


def _prepare(step: Step, workshop: _Workshop, session: Session) -> StepCommand:
    paths, work = workshop.outputs, workshop.scratch / "work"
    for directory in (work, paths.parameter("x").parent, paths.artifact("x").parent):
        directory.mkdir(parents=True)
    python = workshop.python.overlay(workshop.scratch / "python")
    told = executor_input.build(step.component, step.inputs, paths, session.artifacts.path)
    declared = step.container.environment
    if step.code is None:
        words: Collection[str] = (*step.container.command, *step.container.args)
        if not step.container.command:
            raise StepFailedError(f"it runs the program that the image {step.container.image} starts by itself")
    else:
        module = workshop.scratch / lightweight.MODULE_NAME
        module.write_text(step.code.source, encoding="utf-8")
        words = lightweight.command(step.code, python.python, module)
        declared = {**declared, **lightweight.ENVIRONMENT}
    return StepCommand(
        argv=tuple(command_line.resolve(tuple(words), told, step.run)),
        environment=python.variables(environment.build(declared, session.environment, workshop.temporary)),
        directory=work,
        log=workshop.log,
    )
