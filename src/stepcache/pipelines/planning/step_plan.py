"""A task with an executor, in a plan: what ``TaskRun`` is in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stepcache.cache.cache import Reused
from stepcache.cache.holder import Holder
from stepcache.cache.reason import Reason
from stepcache.executors.unresolved import UnresolvedError
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import importing, task_wish, works
from stepcache.pipelines.model import Component, Container, OtherExecutor, Task
from stepcache.pipelines.planning.planned_task import Causes, Outlook, PlannedTask, Until
from stepcache.pipelines.planning.prospect import NOTHING, Prospect
from stepcache.pipelines.planning.survey import Survey
from stepcache.pipelines.platform import claims
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.reference import Reference
from stepcache.pipelines.task_wish import TaskWish
from stepcache.pipelines.work import StepFailedError


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A task on its way to the cache, and no further."""

    task: Task
    component: Component
    inputs: Prospect
    planned: PlannedTask
    survey: Survey

    async def outputs(
        self, known: Known, *, waits: Callable[[Iterable[Reference]], Causes], makers: Causes
    ) -> Prospect:
        """What is known of the outputs; what would become of the task is noted in it.

        ``waits`` tells what decides about names of secrets and volumes; ``makers`` are tasks that would be executed
        before this one, and might make a volume that is not there yet.
        """
        causes = self._missing() | waits(self._references())
        if causes:
            return self._without_inputs(causes)
        try:
            work = await works.of(self.component, self.inputs.values, known, self.planned.name, self.survey.given)
            wish = task_wish.of(self.task, work, self.planned.name, self.survey.given)
        except UnresolvedError as unresolved:
            self.planned.wait(Until(unresolved.what))
            self.planned.note = str(unresolved)
            return self._executed()
        except (StepFailedError, ValueError) as error:
            if makers and self._claims():
                self.planned.wait(Until.INPUTS, makers)
                return self._executed(makers)
            self.planned.fail(str(error))
            return NOTHING
        if wish is None:
            self.planned.execute(Outlook.OFF, Reason.CACHING_OFF)
            return self._executed()
        return await self._looked_up(wish)

    async def _looked_up(self, wish: TaskWish) -> Prospect:
        given, planned = self.survey.given, self.planned
        planned.key = wish.key.digest
        seen = await given.cache.peek(wish.ticket())
        if isinstance(seen, Reused):
            values = given.cluster.concealment.reveal(seen.output.value)
            if values is not None:
                planned.outlook = Outlook.HIT
                planned.seconds = await self.survey.seconds(planned.key)
                return Prospect(values)
            seen = Reason.REFRESHED  # a secret in it has changed
        if wish.max_staleness != 0:
            causes = await self._executing(wish)
            if causes is not None:
                return self._executed(causes)
        self.survey.executed.setdefault(wish.key.digest, planned)
        planned.execute(Outlook.MISS, await given.earlier.reason(seen, self.component.name, wish.key.digest))
        planned.seconds = await self.survey.seconds(planned.key)
        if seen is Reason.FIRST_SEEN and self.survey.is_of_one_run(wish.key):
            planned.key = ""
        return self._executed()

    async def _executing(self, wish: TaskWish) -> Causes | None:
        """What the consumers of the task wait for when somebody else executes it, or will; None otherwise."""
        first = self.survey.executed.get(wish.key.digest)
        if first is not None:
            self.planned.wait(Until.SAME_KEY, (first.name,))
            return frozenset((first.name,))
        state = (await self.survey.given.cache.store.watch((wish.key.digest,)))[wish.key.digest]
        if state.busy is None:
            return None
        holder = Holder.parse(state.busy.holder)
        if holder.is_gone():  # a run would take over
            return None
        self.planned.wait(Until.EXECUTING)
        self.planned.note = f"executed now by {holder.describe()}, since {state.busy.held_for:.0f} s"
        return frozenset((self.planned.name,))

    def _missing(self) -> Causes:
        """What decides about inputs that the key has to do with."""
        if self.task.cache_key:  # nothing else counts
            return frozenset()
        policy = task_wish.policy_of(self.component, self.planned.name, self.survey.given)
        return self.inputs.waits(policy.ignore_inputs or ())

    def _without_inputs(self, causes: Causes) -> Prospect:
        """What can be told all the same: some tasks are executed whatever their inputs."""
        policy = task_wish.policy_of(self.component, self.planned.name, self.survey.given)
        executor = self._executor()
        if not task_wish.asks_for_caching(self.task, policy) or _is_claim(executor):
            self.planned.execute(Outlook.OFF, Reason.CACHING_OFF)
        elif task_wish.limit(policy) == 0 or importing.looks_again(executor):
            self.planned.execute(Outlook.MISS, Reason.REFRESHED)
        else:
            self.planned.wait(Until.INPUTS, causes)
            return self._executed(causes)
        return self._executed()

    def _executed(self, causes: Causes | None = None) -> Prospect:
        return Prospect.of_step(self.component, frozenset((self.planned.name,)) if causes is None else causes)

    def _executor(self) -> Container | OtherExecutor:
        return self.survey.given.pipeline.executors[str(self.component.body)]

    def _references(self) -> tuple[Reference, ...]:
        return self.survey.given.cluster.references(self.component)

    def _claims(self) -> bool:
        return bool(self.survey.given.cluster.settings.of(str(self.component.body)).claims)


def _is_claim(executor: Container | OtherExecutor) -> bool:
    return isinstance(executor, Container) and claims.operation(executor) is not None
