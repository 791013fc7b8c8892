"""The command of one execution of a step, and the directories that are there when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stepcache.executors import environment, lightweight, step_launcher, warm_start
from stepcache.executors.environments.environment import Environment
from stepcache.executors.lightweight import LightweightComponent
from stepcache.executors.redaction import Redactor
from stepcache.executors.step import StepCommand
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import command_line, executor_input
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container
from stepcache.pipelines.platform.provision import Provision
from stepcache.pipelines.session import Session
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError


@dataclass(frozen=True, slots=True)
class Workshop:
    """What there is for one execution: its directories, its log, and the Python that it shares with others."""

    scratch: Path
    temporary: Path
    log: Path
    python: Environment

    @property
    def outputs(self) -> OutputPaths:
        """Where the step writes."""
        return OutputPaths(self.scratch / "outputs")


def prepare(  # noqa: PLR0913 - each is a part of what is executed
    workshop: Workshop,
    *,
    container: Container,
    code: LightweightComponent | None,
    component: Component,
    inputs: Values,
    run: Mapping[str, str],
    provision: Provision,
    session: Session,
) -> StepCommand:
    """Make the directories, and the command that runs in them. Blocks.

    Raises StepFailedError for a component without a command of its own, and ValueError for one that cannot be read.
    """
    paths, work = workshop.outputs, workshop.scratch / "work"
    for directory in (work, paths.parameter("x").parent, paths.artifact("x").parent):
        directory.mkdir(parents=True)
    python = workshop.python.overlay(workshop.scratch / "python")
    declared = provision.variables(container)
    if code is not None:
        module = workshop.scratch / lightweight.MODULE_NAME
        module.write_text(code.source, encoding="utf-8")
        words = lightweight.command(code, python.python, module)
    elif container.command:
        words = (*container.command, *container.args)
    else:
        raise StepFailedError(f"it runs the program that the image {container.image} starts by itself")
    call = None
    if code is not None:
        call = warm_start.call(
            session.worker_python(workshop.python), declared, session.environment, prefix=python.prefix
        )
        declared |= lightweight.ENVIRONMENT
    told = executor_input.build(component, inputs, paths, session.artifacts.path)
    command = StepCommand(
        argv=tuple(command_line.resolve(words, told, run)),
        environment=python.variables(environment.build(declared, session.environment, workshop.temporary)),
        directory=work,
        log=workshop.log,
        call=call,
    )
    return _launched(command, workshop, inputs, provision, session)


def _launched(
    command: StepCommand, workshop: Workshop, inputs: Values, provision: Provision, session: Session
) -> StepCommand:
    """``command`` with its mounts, and with a log that no secret reaches, where the step has any of either."""
    concealment = session.cluster.concealment
    sees_secrets = provision.has_secrets or concealment.touches(inputs)
    mounts = provision.mounts(workshop.scratch)
    if not mounts and not sees_secrets:
        return command
    stage = workshop.scratch / "stage"
    stage.mkdir()
    return step_launcher.launch(command, mounts, concealment.redactor if sees_secrets else Redactor(()), stage)
