"""Runs pipelines: the one place where the rooms meet."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepcache.cache.cache import Cache
from stepcache.cache.holder import Holder
from stepcache.errors import StepcacheError
from stepcache.executors.environments.environments import Environments
from stepcache.executors.supervisor import Supervisor
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import image_python, root_values, task_order, temporary, workspace
from stepcache.pipelines.context import RunContext
from stepcache.pipelines.dag_run import DagFailedError, DagRun
from stepcache.pipelines.listener import Listener, Silence
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Dag, Pipeline
from stepcache.pipelines.platform import ignored
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.cluster import Cluster
from stepcache.pipelines.policy import Policies
from stepcache.pipelines.recorder import Recorder
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.pipelines.run_request import Request
from stepcache.pipelines.session import Session
from stepcache.pipelines.site import Site
from stepcache.pipelines.task_record import State
from stepcache.pipelines.values import Values
from stepcache.stores.runs import RunRow

if TYPE_CHECKING:
    from stepcache.executors.containers.runtime import ContainerRuntime
    from stepcache.stores.opening import FullStore

_ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELED)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is executed."""

    max_parallel: int = field(default_factory=lambda: os.cpu_count() or 1)
    """How many steps run at the same time, at least 1."""
    grace: float = 10.0
    """Seconds that a step has to end by itself when it is stopped."""
    namespace: str = "default"
    containers: bool = False
    """Whether every step runs in a container of its image, by docker or podman."""
    host_commands: bool = False
    """Whether the commands of container components run on this machine, without their image."""
    policies: Policies = field(default_factory=Policies)
    """How tasks use the cache: the one thing here that may change a key, by inputs that are to be ignored."""
    refresh_environments: bool = False
    """Whether the requirements of components are resolved again, instead of taking the locks that are kept."""
    bindings: Bindings = field(default_factory=Bindings)
    """Secrets, config maps and volumes that the user gives."""
    wait_timeout: float | None = None
    """How many seconds a task waits for somebody else's execution of it; None for as long as it takes."""


class Engine:
    """Executes pipelines with a cache and the store of its runs, below a home directory."""

    def __init__(self, cache: Cache, runs: FullStore, home: Path) -> None:
        self._cache = cache
        self._runs = runs
        self._home = home

    async def run(  # noqa: PLR0913 - what a run consists of
        self,
        pipeline: Pipeline,
        inputs: RootInputs,
        *,
        source: str,
        options: Options,
        listener: Listener | None = None,
        request: Request | None = None,
    ) -> RunResult:
        """Execute ``pipeline`` once; ``inputs`` are typed and complete (see ``arguments.resolve``). With a
        ``request``, what is asked here is kept with the run, so that it can be asked again.

        A failed task makes a FAILED result, no exception. Cancelling the call stops the steps, gives their claims
        back, records the run as CANCELED, and raises CancelledError. Raises InputError, before anything is
        executed, for a pipeline that asks for what this release does not run, and StoreUnavailableError when the
        store or the artifact store cannot be used.
        """
        site = Site(self._home, self._cache.artifacts.location, Mask.of(self._home))
        cluster = await site.prepare(pipeline, inputs, source, options)
        text = None if request is None else partial(request.to_text, inputs, pipeline.root, source=source)
        asked = await self._swept(text and partial(text, options=options, concealment=cluster.concealment))
        run = RunRow(
            run_id=str(uuid.uuid4()),
            pipeline=pipeline.name,
            state=State.RUNNING,
            holder=Holder.this_process().format(),
            created_at=time.time(),
            namespace=options.namespace,
            source=source,
            parameters=json.dumps(cluster.concealment.shown(Values(dict(inputs.parameters))).parameters),
        )
        if asked is None:
            await self._runs.save_run(run)
        else:
            await self._runs.begin_run(run, asked)
        listener = listener or Silence()
        listener.run_started(run.run_id, pipeline.name)
        for warning in _warnings(pipeline, cluster, options):
            listener.warn(warning)
        return await self._execute(cluster, inputs, run, options, listener)

    async def _swept(self, text: Callable[[], str] | None) -> str | None:
        """Sweep, and make ``text`` beside that: packing a large pipeline takes as long as dozens of look-ups."""
        if text is None:
            await self.sweep()
            return None
        made, _ = await asyncio.gather(asyncio.to_thread(text), self.sweep())
        return made

    async def sweep(self) -> int:
        """End the runs whose engine died, remove the files of their steps, and say how many runs there were."""
        dead = [run for run in await self._runs.runs(state=State.RUNNING) if Holder.parse(run.holder).is_gone()]
        for run in dead:
            await self._runs.finish_run(
                run.run_id,
                unless=_ENDED,
                state=State.FAILED,
                finished_at=time.time(),
                error="the engine was killed; run it again: what had finished is reused",
            )
        await asyncio.to_thread(self._cache.artifacts.sweep)
        await asyncio.to_thread(temporary.of_user().sweep)
        return len(dead)

    async def _execute(
        self, cluster: Cluster, inputs: RootInputs, run: RunRow, options: Options, listener: Listener
    ) -> RunResult:
        session = await self._session(cluster, run, options, listener)
        state, error, outputs = State.FAILED, "", Values()
        try:
            async with session.recorder:
                values = await _within(cluster.settings.timeout, _outputs(inputs, session))
                outputs = cluster.concealment.shown(values)
            state = State.SUCCEEDED
        except DagFailedError as failure:
            error = str(failure)
        except asyncio.CancelledError:
            state, error = State.CANCELED, "interrupted; run it again: what had finished is reused"
            raise
        except BaseException as surprise:
            error = str(surprise)
            raise
        finally:
            await asyncio.shield(self._end(run, session, state, error, outputs))
        tasks = tuple(task_order.in_order(session.records))
        return RunResult(run.run_id, state, tasks, outputs, error, time.time() - run.created_at)

    async def _session(self, cluster: Cluster, run: RunRow, options: Options, listener: Listener) -> Session:
        """All that the tasks of the run share."""
        pipeline = cluster.pipeline
        supervisor = Supervisor()
        environments = Environments(
            self._home, supervisor, refresh=options.refresh_environments, report=listener.note
        )
        containers = await _container_runtime(supervisor, listener) if options.containers else None
        return Session(
            pipeline=pipeline,
            cluster=cluster,
            context=RunContext(
                run_id=run.run_id,
                pipeline=pipeline.name,
                created_at=run.created_at,
                root=self._cache.artifacts.location,
                workspace=str(workspace.of(self._home, options.namespace, pipeline)),
            ),
            home=self._home,
            temporary=temporary.of_user(),
            cache=self._cache,
            artifacts=self._cache.artifacts,
            history=self._runs,
            supervisor=supervisor,
            images=containers,
            recorder=Recorder(self._runs, run.run_id),
            listener=listener,
            slots=asyncio.Semaphore(options.max_parallel),
            environment=os.environ,
            grace=options.grace,
            namespace=options.namespace,
            environments=environments,
            engine_environment=environments.of_engine(),
            mask=Mask.of(self._home),
            policies=options.policies,
            wait_timeout=options.wait_timeout,
        )

    async def _end(self, run: RunRow, session: Session, state: State, error: str, outputs: Values) -> None:
        """Leave nothing behind, however the run ended."""
        await session.supervisor.close()
        if session.images is not None:
            await session.images.close()
        await session.leftovers.removed()
        await asyncio.to_thread(session.remove_workers)
        session.cancel_unfinished()
        await session.recorder.flush()
        await self._runs.finish_run(
            run.run_id,
            unless=_ENDED,
            state=state,
            finished_at=time.time(),
            error=error,
            outputs=json.dumps(outputs.to_document()),
        )


def _warnings(pipeline: Pipeline, cluster: Cluster, options: Options) -> Iterator[str]:
    """What is different from a cluster, one sentence each."""
    if not options.containers:
        yield from image_python.warnings(pipeline)
    honoured = ignored.HONOURED_IN_CONTAINERS if options.containers else ignored.HONOURED_ON_THE_HOST
    if told := ignored.sentence(pipeline, cluster.settings, honoured):
        yield told


async def _container_runtime(supervisor: Supervisor, listener: Listener) -> ContainerRuntime:
    """The container engine that answers, rid of what dead engines left. Raises InputError when none answers."""
    from stepcache.executors.containers.runtime import ContainerRuntime

    try:
        runtime = await ContainerRuntime.find(supervisor, announce=lambda name: listener.note(f"pulling {name}"))
    except BaseException:
        await supervisor.close()
        raise
    await runtime.sweep()
    return runtime


async def _within(limit: float, outputs: Coroutine[Any, Any, Values]) -> Values:
    """The outputs of a run that is to be over in ``limit`` seconds; 0 for no limit.

    Raises DagFailedError when it is not, after everything in it was stopped, as by an interruption.
    """
    try:
        async with asyncio.timeout(limit or None) as clock:
            return await outputs
    except TimeoutError:
        if not clock.expired():
            raise
        raise DagFailedError(
            f"the run took longer than {limit:g} s, the time that the pipeline gives it, and was stopped"
        ) from None


async def _outputs(inputs: RootInputs, session: Session) -> Values:
    values = await root_values.bring(inputs, session)
    return await _root(session.pipeline, values, session)


async def _root(pipeline: Pipeline, inputs: Values, session: Session) -> Values:
    body = pipeline.root.body
    if not isinstance(body, Dag):
        raise StepcacheError("the root of the pipeline is no DAG")
    try:
        return await DagRun(pipeline.root, body, inputs, "", session).outputs()
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a group of concurrent tasks failed by: one that names its remedy, if any does."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop()
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            leaves.append(error)
    return next((error for error in leaves if isinstance(error, StepcacheError)), leaves[-1])
