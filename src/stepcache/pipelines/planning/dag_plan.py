"""One DAG of a plan: its tasks in order, each seen as far as those before it are known."""

from __future__ import annotations

from collections.abc import Sequence

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import condition, dag_rules, final_status, loop_items
from stepcache.pipelines.dag_rules import Ended
from stepcache.pipelines.model import Component, Dag, Iterator, Task
from stepcache.pipelines.planning import planned_dag
from stepcache.pipelines.planning.planned_task import CERTAIN, Causes, PlannedTask, Until
from stepcache.pipelines.planning.prospect import NOTHING, Prospect, Unknown, merged
from stepcache.pipelines.planning.step_plan import StepPlan
from stepcache.pipelines.planning.survey import Survey
from stepcache.pipelines.planning.view import View
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.task_record import State


@dataclass(frozen=True, slots=True)
class _Skipped:
    """What a task that may be skipped is in that case."""

    name: str
    state: State = State.SKIPPED
    error: str = ""


class WouldFailError(Exception):
    """A task of the DAG would fail without coming to the cache. ``str()`` names it."""


class DagPlan:
    """The tasks of one component that is a DAG, below ``path``; what ``DagRun`` is in a run.

    Tasks that would be executed are taken to succeed. ``decided_by`` decides whether the DAG is executed at all.
    """

    def __init__(  # noqa: PLR0913 - as DagRun, and what is not known
        self,
        component: Component,
        dag: Dag,
        inputs: Prospect,
        path: str,
        survey: Survey,
        *,
        decided_by: Causes = CERTAIN,
    ) -> None:
        self._dag = dag
        self._survey = survey
        self._decided_by = decided_by
        self._view = View(inputs, component.inputs.keys())
        self._tasks = {
            name: survey.add(f"{path}{name}", dag.tasks[name].component) for name in dag_rules.in_order(dag)
        }

    async def outputs(self) -> Prospect:
        """What is known of the DAG's outputs. Raises WouldFailError."""
        for name, planned in self._tasks.items():
            outputs = await self._outputs_of(self._dag.tasks[name], planned)
            status = final_status.of(planned, name, self._survey.given.context)
            self._view.note(name, outputs, status, planned.decided_by)
        failure = dag_rules.failure(self._tasks.values())
        if failure is not None:
            raise WouldFailError(failure)
        return Prospect.of_found(
            dag_rules.chosen(self._dag.parameters, self._view.parameter),
            dag_rules.chosen(self._dag.artifacts, self._view.artifact),
        )

    async def _outputs_of(self, task: Task, planned: PlannedTask) -> Prospect:
        component = self._survey.given.pipeline.components[task.component]
        before = [self._tasks[name] for name in task.dependencies]
        planned.decided_by = self._decided_by
        reason = self._why_not(task, before)
        if isinstance(reason, Unknown):
            planned.decided_by |= reason.causes
        elif reason is not None:
            planned.skip(reason)
            return NOTHING
        try:
            inputs = self._view.inputs_of(task, component, self._survey.placeholders(task, planned))
            holds = _holds(task, inputs)
            if isinstance(holds, Unknown):
                planned.decided_by |= holds.causes
            elif not holds:
                planned.skip("")
                return NOTHING
            outputs = await self._of_started(task, component, inputs, planned)
        except (WouldFailError, ValueError) as error:
            if not planned.decided_by:
                planned.fail(str(error))
                return NOTHING
            planned.wait(Until.CONDITION, planned.decided_by)
        if planned.decided_by:
            return Prospect.of_step(component, planned.decided_by)
        return outputs

    def _why_not(self, task: Task, before: Sequence[PlannedTask]) -> str | Unknown | None:
        """Why the task is not started, None when it is, or what decides about that."""
        if_started = dag_rules.why_not(task, before, None)
        causes = CERTAIN.union(*(planned.decided_by for planned in before))
        if not causes:
            return if_started
        others: list[Ended] = [_Skipped(planned.name) if planned.decided_by else planned for planned in before]
        if_skipped = dag_rules.why_not(task, others, None)
        return if_started if (if_started is None) == (if_skipped is None) else Unknown(causes)

    async def _of_started(
        self, task: Task, component: Component, inputs: Prospect, planned: PlannedTask
    ) -> Prospect:
        if planned.decided_by:
            planned.wait(Until.CONDITION, planned.decided_by)
        if task.iterator is not None:
            return await self._of_loop(task, task.iterator, component, inputs, planned)
        return await self._of_one(task, component, inputs, planned)

    async def _of_loop(
        self, task: Task, iterator: Iterator, component: Component, inputs: Prospect, planned: PlannedTask
    ) -> Prospect:
        gaps = inputs.artifacts if iterator.over_artifacts else inputs.parameters
        if iterator.raw is None and iterator.input_name in gaps:
            causes = gaps[iterator.input_name]
            planned.wait(Until.CONDITION if planned.decided_by else Until.INPUTS, causes | planned.decided_by)
            return Prospect.of_step(component, causes)
        iterations = []
        prospects = []
        for index, values in enumerate(loop_items.iterations(iterator, component, inputs.values)):
            iteration = self._survey.add(f"{planned.name}[{index}]", task.component)
            iteration.decided_by = planned.decided_by
            if iteration.decided_by:
                iteration.wait(Until.CONDITION, iteration.decided_by)
            iterations.append(iteration)
            try:
                prospects.append(await self._of_one(task, component, inputs.with_values(values), iteration))
            except (WouldFailError, ValueError) as error:
                iteration.fail(str(error))
        failure = dag_rules.failed_iteration(iterations)
        if failure is not None:
            raise WouldFailError(failure)
        collected = loop_items.collected(component, [prospect.values for prospect in prospects])
        return merged(component, collected, prospects)

    async def _of_one(self, task: Task, component: Component, inputs: Prospect, planned: PlannedTask) -> Prospect:
        """One execution of a task's component."""
        if isinstance(component.body, Dag):
            if not planned.decided_by:
                outputs = await planned_dag.outputs(component, inputs, planned, self._survey)
                if outputs is not None:
                    return outputs
            path = f"{planned.name}/"
            nested = DagPlan(component, component.body, inputs, path, self._survey, decided_by=planned.decided_by)
            return await nested.outputs()
        if planned.decided_by:
            return Prospect.of_step(component, planned.decided_by)
        scope = self._view.scope
        known = Known(scope.inputs.parameters, scope.outputs, self._survey.placeholders(task, planned))
        makers = [other.name for other in (self._tasks[name] for name in task.dependencies) if other.is_executed]
        step = StepPlan(task, component, inputs, planned, self._survey)
        return await step.outputs(known, waits=self._view.waits, makers=frozenset(makers))


def _holds(task: Task, inputs: Prospect) -> bool | Unknown:
    """Whether the task's condition holds, or what decides about that."""
    if not task.condition:
        return True
    named = (
        causes
        for name, causes in inputs.parameters.items()
        if f"'{name}'" in task.condition or f'"{name}"' in task.condition
    )
    causes = CERTAIN.union(*named)
    if causes:
        return Unknown(causes)
    try:
        return condition.holds(task.condition, inputs.values.parameters)
    except ValueError:
        if inputs.parameters:
            return Unknown(inputs.waits())
        raise
