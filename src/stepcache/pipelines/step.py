"""One execution of one step: its directory, its command, its process, its outputs."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from stepcache.cache.cache import Holding
from stepcache.cache.holder import StepProcess
from stepcache.executors import environment, lightweight, warm_start
from stepcache.executors.lightweight import LightweightComponent
from stepcache.executors.running_step import RunningStep
from stepcache.executors.step import StepCommand, StepExit
from stepcache.pipelines import executor_input, task_outputs
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container
from stepcache.pipelines.placeholders import EXECUTOR_INPUT
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values


class StepFailedError(Exception):
    """The step ended badly, or did not leave what it declares. ``str()`` is a sentence for people."""


class StepStoppedError(Exception):
    """The lease was lost, so the step was stopped: someone else executes it now."""


@dataclass(frozen=True, slots=True)
class Step:
    """A task that is to be executed: what, with which inputs."""

    component: Component
    container: Container
    code: LightweightComponent
    inputs: Values


async def perform(step: Step, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
    """Execute ``step`` once and take its outputs into the artifact store.

    ``holding`` is the claim under which it runs, None with caching off. Raises StepFailedError, or StepStoppedError
    when the claim was lost. However it ends, also by cancellation, no process and no file of the step is left.
    """
    scratch = await asyncio.to_thread(session.artifacts.scratch)
    try:
        log = session.log_directory / _log_name(record)
        record.log = str(log.relative_to(session.home))
        session.changed(record)
        command = await asyncio.to_thread(_prepare, step, scratch, log, session)
        ended = await _run(command, session, holding)
        if not ended.ok:
            raise StepFailedError(f"the step {_how_it_ended(ended)}")
        paths = OutputPaths(scratch / "outputs")
        try:
            return await asyncio.to_thread(task_outputs.collect, step.component, paths, session.artifacts)
        except ValueError as error:
            raise StepFailedError(str(error)) from error
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True))


def _log_name(record: TaskRecord) -> str:
    """A name for people, made safe, behind a number that makes it unique in its run."""
    readable = re.sub(r"[^-\w]+", "_", record.name)[:120]
    return f"{record.position:04d}-{readable}.log"


def _prepare(step: Step, scratch: Path, log: Path, session: Session) -> StepCommand:
    paths = OutputPaths(scratch / "outputs")
    work = scratch / "work"
    for directory in (
        work,
        scratch / environment.TEMPORARY,
        paths.parameter("x").parent,
        paths.artifact("x").parent,
    ):
        directory.mkdir(parents=True)
    document = json.dumps(executor_input.build(step.component, step.inputs, paths, session.artifacts.path))
    module = scratch / lightweight.MODULE_NAME
    module.write_text(step.code.source, encoding="utf-8")
    argv = lightweight.command(step.code, sys.executable, module)
    return StepCommand(
        argv=tuple(document if argument == EXECUTOR_INPUT else argument for argument in argv),
        environment=environment.build(
            {**step.container.environment, **lightweight.ENVIRONMENT}, session.environment, scratch
        ),
        directory=work,
        log=log,
        call=warm_start.call(sys.executable, step.container.environment, session.environment),
    )


async def _run(command: StepCommand, session: Session, holding: Holding | None) -> StepExit:
    running = await session.supervisor.run(command)
    try:
        if holding is None:
            return await running.wait()
        await holding.annotate(StepProcess(running.reaper, running.process, running.group))
        return await _wait_while_held(running, holding, session.grace)
    except BaseException:
        await asyncio.shield(running.stop(session.grace))
        raise


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


def _how_it_ended(ended: StepExit) -> str:
    if ended.signal is not None:
        import signal

        return f"was ended by {signal.Signals(ended.signal).name}"
    return f"ended with exit code {ended.code}"
