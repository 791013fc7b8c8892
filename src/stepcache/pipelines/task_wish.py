"""What a task wants of the cache: under which key, how fresh, looked at how closely."""

from __future__ import annotations

from stepcache.cache.ticket import Ticket, Verify
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.circumstances import Circumstances
from stepcache.pipelines.model import Component, Task
from stepcache.pipelines.policy import Policy
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.work import Work
from stepcache.stores.entry import UNLIMITED


@dataclass(frozen=True, slots=True)
class TaskWish:
    """The wish of one task that uses the cache."""

    key: TaskKey
    max_staleness: float
    """In seconds: negative for no limit, 0 to execute anew and store the result."""
    verify: Verify

    def ticket(self, attempts: int = 1) -> Ticket:
        """The wish as the cache takes it. Who is to execute, and for whom, is for the caller to add."""
        return Ticket(self.key.digest, self.max_staleness, attempts, verify=self.verify)


def of(task: Task, work: Work, name: str, given: Circumstances) -> TaskWish | None:
    """What the task with the path ``name`` wants; None when caching is off for it.

    Raises ValueError, with a sentence for people, for inputs that no key can be made of.
    """
    policy = policy_of(work.component, name, given)
    if not work.is_reusable or not asks_for_caching(task, policy):
        return None
    return TaskWish(
        key=work.key(task, given.namespace, policy.ignore_inputs or ()),
        max_staleness=0 if work.refreshes else limit(policy),
        verify=policy.verify or Verify.DIGEST,
    )


def policy_of(component: Component, name: str, given: Circumstances) -> Policy:
    """What is said about the task with the path ``name``, which executes ``component``."""
    return given.policies.of(given.pipeline.name, component.name, name)


def asks_for_caching(task: Task, policy: Policy) -> bool:
    """Whether caching is on, as far as pipeline and policy say."""
    return task.cached if policy.cache is None else policy.cache


def limit(policy: Policy) -> float:
    """How old a result may be, in seconds; negative for no limit."""
    return UNLIMITED if policy.max_staleness is None else policy.max_staleness
