"""One execution of a DAG: every task as soon as those before it have ended, independent ones at the same time.

Rules: ``backend/src/v2/compiler/argocompiler/dag.go`` of kubeflow/pipelines, which makes an Argo DAG of each of
KFP's. A task runs when all that it depends on succeeded; with ``ALL_UPSTREAM_TASKS_COMPLETED`` it is an exit hook
of what it depends on, and runs however that ended, unless it never began. After a failure no other task of the same
DAG is started; what runs, nested DAGs included, goes on to its end. A failed task fails its DAG, whatever its exit
hooks did.
"""

from __future__ import annotations

import asyncio
import time
from graphlib import TopologicalSorter

from stepcache.pipelines import condition, final_status, task_inputs, works
from stepcache.pipelines.loop_run import LoopRun
from stepcache.pipelines.model import Component, Dag, Task
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_inputs import Scope
from stepcache.pipelines.task_record import State, TaskRecord
from stepcache.pipelines.task_run import TaskRun
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError

_COMPLETED = (State.SUCCEEDED, State.FAILED)


class DagFailedError(Exception):
    """A task of the DAG failed. ``str()`` names it."""


class DagRun:
    """The tasks of one component that is a DAG, below ``path`` (empty for the root)."""

    def __init__(self, component: Component, dag: Dag, inputs: Values, path: str, session: Session) -> None:
        self._dag = dag
        self._scope = Scope(inputs, declared=component.inputs.keys())
        self._session = session
        self._records = {name: session.add(f"{path}{name}", dag.tasks[name].component) for name in _in_order(dag)}
        self._missing = {name: len(task.dependencies) for name, task in dag.tasks.items()}
        self._after: dict[str, list[str]] = {name: [] for name in dag.tasks}
        self._failed: str | None = None
        for name, task in dag.tasks.items():
            for dependency in task.dependencies:
                self._after[dependency].append(name)

    async def outputs(self) -> Values:
        """The DAG's outputs. Raises DagFailedError when a task failed; what was running then has ended too."""
        async with asyncio.TaskGroup() as group:
            for name, count in self._missing.items():
                if count == 0:
                    group.create_task(self._run(name, group))
        for record in self._records.values():
            if record.state is State.FAILED:
                raise DagFailedError(f"task '{record.name}' failed: {record.error}")
        return self._collect()

    async def _run(self, name: str, group: asyncio.TaskGroup) -> None:
        """Run a task, and then those that only waited for it: the last of them in the place of this one."""
        following: str | None = name
        while following is not None:
            await self._run_one(following)
            ready = [follower for follower in self._after[following] if self._is_ready(follower)]
            following = ready.pop() if ready else None
            for other in ready:
                group.create_task(self._run(other, group))

    def _is_ready(self, name: str) -> bool:
        """Count down what a task waits for; whether that was the last of it."""
        self._missing[name] -= 1
        return self._missing[name] == 0

    async def _run_one(self, name: str) -> None:
        task, record = self._dag.tasks[name], self._records[name]
        reason = self._why_not(task)
        if reason is not None:
            self._end(name, State.SKIPPED, reason)
        else:
            try:
                values = await self._outputs_of(task, record)
            except (StepFailedError, DagFailedError, ValueError) as error:
                self._failed = name
                self._end(name, State.FAILED, str(error))
            else:
                if values is None:
                    self._end(name, State.SKIPPED, "")
                else:
                    self._scope.outputs[name] = values
                    record.outputs = self._session.cluster.concealment.shown(values)
                    self._end(name, State.SUCCEEDED, "")

    def _why_not(self, task: Task) -> str | None:
        """Why the task is not started, all that it depends on having ended; None when it is."""
        before = [self._records[name] for name in task.dependencies]
        if task.run_after_failure:
            if before and not any(record.state in _COMPLETED for record in before):
                return f"not started: task '{before[0].name}' was not started"
            return None
        for record in before:
            if record.state is State.FAILED:
                return f"not started: task '{record.name}' failed"
            if record.state is not State.SUCCEEDED:
                return f"not started: task '{record.name}' was skipped"
        if self._failed is not None:
            return f"not started: task '{self._records[self._failed].name}' failed"
        return None

    async def _outputs_of(self, task: Task, record: TaskRecord) -> Values | None:
        """The outputs of a task; None when its condition does not hold."""
        session = self._session
        component = session.pipeline.components[task.component]
        inputs = task_inputs.resolve(task, component, self._scope, _placeholders(task, record, session))
        if task.condition and not condition.holds(task.condition, inputs.parameters):
            return None
        if task.iterator is not None:
            return await self._iterate(task, component, inputs, record)
        return await self._execute(task, component, inputs, record)

    async def _iterate(self, task: Task, component: Component, inputs: Values, record: TaskRecord) -> Values:
        assert task.iterator is not None  # noqa: S101 - for the type checker; the caller has looked
        session = self._session
        _begin(record, session)

        async def iterate(index: int, values: Values) -> Values | None:
            iteration = session.add(f"{record.name}[{index}]", task.component)
            try:
                outputs = await self._execute(task, component, values, iteration)
            except (StepFailedError, DagFailedError, ValueError) as error:
                _finish(iteration, State.FAILED, str(error), session)
                return None
            iteration.outputs = session.cluster.concealment.shown(outputs)
            _finish(iteration, State.SUCCEEDED, "", session)
            return outputs

        outputs = await LoopRun(task.iterator, component, inputs).outputs(iterate)
        if outputs is None:
            raise DagFailedError(_first_failure(record, session))
        return outputs

    async def _execute(self, task: Task, component: Component, inputs: Values, record: TaskRecord) -> Values:
        """One execution of a task's component."""
        session, scope = self._session, self._scope
        if isinstance(component.body, Dag):
            _begin(record, session)
            return await DagRun(component, component.body, inputs, f"{record.name}/", session).outputs()
        record.started_at = time.time()
        known = Known(scope.inputs.parameters, scope.outputs, _placeholders(task, record, session))
        work = await works.of(component, inputs, known, record, session)
        return await TaskRun(task, work, record, session).outputs()

    def _end(self, name: str, state: State, error: str) -> None:
        record = self._records[name]
        _finish(record, state, error, self._session)
        self._scope.statuses[name] = final_status.of(record, name, self._session.context)

    def _collect(self) -> Values:
        """The DAG's outputs; of several origins (OneOf) the first that there is. None of what was skipped."""
        finished, nothing, result = self._scope.outputs, Values(), Values()
        for name, origins in self._dag.parameters.items():
            for origin in origins:
                parameters = finished.get(origin.task, nothing).parameters
                if origin.output in parameters:
                    result.parameters[name] = parameters[origin.output]
                    break
        for name, origins in self._dag.artifacts.items():
            for origin in origins:
                artifacts = finished.get(origin.task, nothing).artifacts
                if origin.output in artifacts:
                    result.artifacts[name] = artifacts[origin.output]
                    break
        return result


def _placeholders(task: Task, record: TaskRecord, session: Session) -> dict[str, str]:
    return session.context.placeholders(task.display_name, f"{session.context.run_id}/{record.name}")


def _begin(record: TaskRecord, session: Session) -> None:
    record.started_at = time.time()
    record.state = State.RUNNING
    session.changed(record)


def _finish(record: TaskRecord, state: State, error: str, session: Session) -> None:
    record.state, record.error = state, session.cluster.redactor.text(error)
    record.waiting_for = ""
    record.finished_at = time.time()
    session.changed(record)


def _first_failure(loop: TaskRecord, session: Session) -> str:
    failed = next(
        record
        for record in session.records
        if record.state is State.FAILED and record.name.startswith(f"{loop.name}[")
    )
    return f"iteration '{failed.name}' failed: {failed.error}"


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
