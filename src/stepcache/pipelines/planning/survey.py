"""What one plan works with: the circumstances of the run that it is for, and what has been found so far."""

from __future__ import annotations

from dataclasses import field

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.circumstances import Circumstances
from stepcache.pipelines.model import Task
from stepcache.pipelines.planning.planned_task import PlannedTask
from stepcache.pipelines.task_key import TaskKey


@dataclass
class Survey:
    """Shared by every task of a plan, and by nothing else."""

    given: Circumstances
    """Those of a run that began now, with an id that no run has."""
    tasks: list[PlannedTask] = field(default_factory=list)
    executed: dict[str, PlannedTask] = field(default_factory=dict)
    """The first task for each key that would be executed."""

    def add(self, name: str, component: str) -> PlannedTask:
        """A new task of this name."""
        planned = PlannedTask(name, position=len(self.tasks), component=component)
        self.tasks.append(planned)
        return planned

    def placeholders(self, task: Task, planned: PlannedTask) -> dict[str, str]:
        """What stands for the placeholders of the run in a task."""
        context = self.given.context
        return context.placeholders(task.display_name, f"{context.run_id}/{planned.name}")

    async def seconds(self, key: str) -> float | None:
        """How long the execution took whose result stands under ``key``; None when none does."""
        description = await self.given.cache.store.describe(key)
        return None if description is None else description.duration

    def is_of_one_run(self, key: TaskKey) -> bool:
        """Whether the key holds facts of the run, so that another run has another key."""
        text, context = key.parts(lambda value: value), self.given.context
        return context.run_id in text or context.created in text
