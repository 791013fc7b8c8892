"""A nested DAG that would be reused as a whole, taken into a plan: what ``reused_dag`` does in a run."""

from __future__ import annotations

from stepcache.pipelines.model import Component
from stepcache.pipelines.planning.planned_task import Outlook, PlannedTask
from stepcache.pipelines.planning.prospect import Prospect
from stepcache.pipelines.planning.survey import Survey
from stepcache.pipelines.task_record import State


async def outputs(component: Component, inputs: Prospect, planned: PlannedTask, survey: Survey) -> Prospect | None:
    """The outputs of the DAG ``planned``, and every task in it noted as reused; None when it goes task by task."""
    given = survey.given
    whole = await given.dags.of(component, inputs.values, planned.name) if inputs.is_known else None
    found = None if whole is None else await whole.find()
    if found is None:
        return None
    planned.outlook, planned.key, planned.tasks = Outlook.HIT, found.reused.entry.key, found.steps
    planned.seconds = await survey.seconds(planned.key)
    for member in found.members:
        task = survey.add(f"{planned.name}/{member.name}", member.component)
        if member.key:
            task.outlook, task.key = Outlook.HIT, member.key
            task.seconds = await survey.seconds(member.key)
        elif member.state == State.SKIPPED:
            task.skip(member.error)
    return Prospect(found.outputs)
