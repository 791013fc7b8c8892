"""One execution of a DAG: every task as soon as those before it have ended, independent ones at the same time."""

from __future__ import annotations

import asyncio
import time
from graphlib import TopologicalSorter

from stepcache.pipelines import step_codes, task_inputs, task_key
from stepcache.pipelines.model import Component, Container, Dag, Task
from stepcache.pipelines.session import Session
from stepcache.pipelines.step import Step, StepFailedError
from stepcache.pipelines.task_inputs import Scope
from stepcache.pipelines.task_record import State, TaskRecord
from stepcache.pipelines.task_run import TaskRun
from stepcache.pipelines.values import Values


class DagFailedError(Exception):
    """A task of the DAG failed. ``str()`` names it."""


class DagRun:
    """The tasks of one DAG, below ``path`` (empty for the root)."""

    def __init__(self, dag: Dag, inputs: Values, path: str, session: Session) -> None:
        self._dag = dag
        self._scope = Scope(inputs)
        self._session = session
        self._records = {name: session.add(f"{path}{name}", dag.tasks[name].component) for name in _in_order(dag)}
        self._missing = {name: len(task.dependencies) for name, task in dag.tasks.items()}
        self._after: dict[str, list[str]] = {name: [] for name in dag.tasks}
        for name, task in dag.tasks.items():
            for dependency in task.dependencies:
                self._after[dependency].append(name)

    async def outputs(self) -> Values:
        """The DAG's outputs. Raises DagFailedError when a task failed; what was running then has ended too."""
        async with asyncio.TaskGroup() as group:
            for name, count in self._missing.items():
                if count == 0:
                    group.create_task(self._run(name, group))
        for name, record in self._records.items():
            if record.state is State.PENDING:
                self._skip(name)
        for record in self._records.values():
            if record.state is State.FAILED:
                raise DagFailedError(f"task '{record.name}' failed: {record.error}")
        if any(record.state is not State.SUCCEEDED for record in self._records.values()):
            raise DagFailedError("a task outside of it failed")
        return self._collect()

    async def _run(self, name: str, group: asyncio.TaskGroup) -> None:
        if self._session.failed:
            return
        record = self._records[name]
        try:
            values = await self._outputs_of(self._dag.tasks[name], record)
        except (StepFailedError, DagFailedError, ValueError) as error:
            self._session.failed = True
            self._end(record, State.FAILED, str(error))
            return
        record.outputs = self._scope.outputs[name] = values
        self._end(record, State.SUCCEEDED, "")
        for follower in self._after[name]:
            self._missing[follower] -= 1
            if self._missing[follower] == 0:
                group.create_task(self._run(follower, group))

    async def _outputs_of(self, task: Task, record: TaskRecord) -> Values:
        session = self._session
        component = session.pipeline.components[task.component]
        placeholders = session.context.placeholders(task.display_name, f"{session.context.run_id}/{record.name}")
        inputs = task_inputs.resolve(task, component, self._scope, placeholders)
        record.started_at = time.time()
        if isinstance(component.body, Dag):
            record.state = State.RUNNING
            session.changed(record)
            return await DagRun(component.body, inputs, f"{record.name}/", session).outputs()
        step = _step(component, inputs, session)
        key = task_key.of(task, step, session.namespace, session.executor) if task.cached else None
        return await TaskRun(task, step, key, record, session).outputs()

    def _end(self, record: TaskRecord, state: State, error: str) -> None:
        record.state, record.error = state, error
        record.waiting_for = ""
        record.finished_at = time.time()
        self._session.changed(record)

    def _skip(self, name: str) -> None:
        record = self._records[name]
        failed = [task for task in self._dag.tasks[name].dependencies if self._records[task].state is State.FAILED]
        record.error = f"not started: task '{failed[0]}' failed" if failed else "not started: another task failed"
        record.state = State.SKIPPED
        self._session.changed(record)

    def _collect(self) -> Values:
        finished = self._scope.outputs
        parameters = {
            name: finished[origin.task].parameters[origin.output]
            for name, (origin, *_) in self._dag.parameters.items()
        }
        artifacts = {
            name: finished[origin.task].artifacts[origin.output]
            for name, (origin, *_) in self._dag.artifacts.items()
        }
        return Values(parameters, artifacts)


def _in_order(dag: Dag) -> list[str]:
    """The tasks, each behind those that it depends on, and the same list in every process."""
    sorter = TopologicalSorter({task.name: task.dependencies for task in dag.tasks.values()})
    sorter.prepare()
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return ordered


def _step(component: Component, inputs: Values, session: Session) -> Step:
    container = session.pipeline.executors[str(component.body)]
    if not isinstance(container, Container):
        raise TypeError(f"component '{component.name}' has no container")
    return Step(component, container, step_codes.code_of(container), inputs)
