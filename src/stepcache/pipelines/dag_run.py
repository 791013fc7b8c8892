"""One execution of a DAG: every task as soon as those before it have ended, independent ones at the same time.

Which task is started, ``dag_rules`` says. After a failure what runs, nested DAGs included, goes on to its end. A
failed task fails its DAG, whatever its exit hooks did.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from stepcache.pipelines import dag_rules, final_status, reused_dag, task_inputs, works
from stepcache.pipelines.loop_run import LoopRun
from stepcache.pipelines.model import Component, Dag, Task
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_inputs import Scope
from stepcache.pipelines.task_record import State, TaskRecord
from stepcache.pipelines.task_run import TaskRun
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError


class DagFailedError(Exception):
    """A task of the DAG failed. ``str()`` names it."""


class DagRun:
    """The tasks of one component that is a DAG, below ``path`` (empty for the root)."""

    def __init__(self, component: Component, dag: Dag, inputs: Values, path: str, session: Session) -> None:
        self._dag = dag
        self._session = session
        self._records = {
            name: session.add(f"{path}{name}", dag.tasks[name].component) for name in dag_rules.in_order(dag)
        }
        statuses = final_status.Statuses(self._records, session.context)
        self._scope = Scope(inputs, statuses=statuses, declared=component.inputs.keys())
        self.members = list(self._records.values())
        """Every task below ``path``, in nested DAGs too, as far as they have ended."""
        self._missing = {name: len(task.dependencies) for name, task in dag.tasks.items()}
        self._after = dag_rules.followers(dag)
        self._failed: str | None = None

    async def outputs(self) -> Values:
        """The DAG's outputs. Raises DagFailedError when a task failed; what was running then has ended too."""
        async with asyncio.TaskGroup() as group:
            for name, count in self._missing.items():
                if count == 0:
                    group.create_task(self._run(name, group))
        failure = dag_rules.failure(self._records.values())
        if failure is not None:
            raise DagFailedError(failure)
        return dag_rules.outputs(self._dag, self._scope.outputs)

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
        before = [self._records[name] for name in task.dependencies]
        return dag_rules.why_not(task, before, None if self._failed is None else self._records[self._failed])

    async def _outputs_of(self, task: Task, record: TaskRecord) -> Values | None:
        """The outputs of a task; None when its condition does not hold."""
        session = self._session
        component = session.pipeline.components[task.component]
        run = _placeholders(task, record, session)
        inputs = task_inputs.resolve(task, component, self._scope, run)
        if task.condition:
            from stepcache.pipelines import condition

            if not condition.holds(task.condition, inputs.parameters):
                return None
        if task.iterator is not None:
            return await self._iterate(task, component, inputs, record)
        return await self._execute(task, component, inputs, record, run)

    async def _iterate(self, task: Task, component: Component, inputs: Values, record: TaskRecord) -> Values:
        assert task.iterator is not None  # noqa: S101 - for the type checker; the caller has looked
        session = self._session
        iterations: list[TaskRecord] = []
        _begin(record, session)

        async def iterate(index: int, values: Values) -> Values | None:
            iteration = session.add(f"{record.name}[{index}]", task.component)
            iterations.append(iteration)
            self.members.append(iteration)
            try:
                run = _placeholders(task, iteration, session)
                outputs = await self._execute(task, component, values, iteration, run)
            except (StepFailedError, DagFailedError, ValueError) as error:
                _finish(iteration, State.FAILED, str(error), session)
                return None
            iteration.outputs = session.cluster.concealment.shown(outputs)
            _finish(iteration, State.SUCCEEDED, "", session)
            return outputs

        outputs = await LoopRun(task.iterator, component, inputs).outputs(iterate)
        if outputs is None:
            raise DagFailedError(dag_rules.failed_iteration(iterations))
        return outputs

    async def _execute(
        self, task: Task, component: Component, inputs: Values, record: TaskRecord, run: Mapping[str, str]
    ) -> Values:
        """One execution of a task's component; ``run`` holds the placeholders of the run."""
        session, scope = self._session, self._scope
        if isinstance(component.body, Dag):
            _begin(record, session)
            return await self._nested(component, component.body, inputs, record)
        record.started_at = time.time()
        known = Known(scope.inputs.parameters, scope.outputs, run)
        work = await works.of(component, inputs, known, record.name, session)
        return await TaskRun(task, work, record, session).outputs()

    async def _nested(self, component: Component, dag: Dag, inputs: Values, record: TaskRecord) -> Values:
        """The outputs of a DAG in this one: as a whole, if all of it would be reused, else task by task."""
        session = self._session
        whole = await session.dags.of(component, inputs, record.name)
        found = None if whole is None else await whole.find()
        if found is not None:
            self.members += reused_dag.take(found, record, session)
            return found.outputs
        nested = DagRun(component, dag, inputs, f"{record.name}/", session)
        outputs = await nested.outputs()
        self.members += nested.members
        whole = whole or await session.dags.of(component, inputs, record.name)  # by now requirements are resolved
        if whole is not None:
            await whole.keep(outputs, nested.members)
        return outputs

    def _end(self, name: str, state: State, error: str) -> None:
        _finish(self._records[name], state, error, self._session)


def _placeholders(task: Task, record: TaskRecord, session: Session) -> dict[str, str]:
    return session.context.placeholders(task.display_name, f"{session.context.run_id}/{record.name}")


def _begin(record: TaskRecord, session: Session) -> None:
    record.started_at = time.time()
    record.state = State.RUNNING
    session.changed(record)


def _finish(record: TaskRecord, state: State, error: str, session: Session) -> None:
    record.state = state
    if error:
        record.error = session.cluster.redactor.text(error)
    record.waiting_for = ""
    record.finished_at = time.time()
    session.changed(record)
