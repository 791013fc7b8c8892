"""What a task with an executor does when it is not reused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from stepcache.container_engine import Reference
from stepcache.pipelines.model import Component, Task
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values

if TYPE_CHECKING:
    from stepcache.cache.cache import Holding
    from stepcache.pipelines.session import Session


class StepFailedError(Exception):
    """The work ended badly, or did not leave what it declares. ``str()`` is a sentence for people."""


class StepStoppedError(Exception):
    """The lease was lost, so the work was stopped: someone else does it now."""


class Work(Protocol):
    """One execution in the making: what, with which inputs, on what."""

    @property
    def component(self) -> Component:
        """What the task executes."""

    @property
    def refreshes(self) -> bool:
        """Whether an earlier result is not good enough, whatever its age."""

    @property
    def is_reusable(self) -> bool:
        """Whether another run may take over its outputs: caching is off for what is not."""

    @property
    def containers(self) -> Reference | None:
        """The container engine that it runs on; None when it does not."""

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """The strict key of this work as ``task`` asks for it; inputs with a name in ``ignored`` do not count."""

    def template(self) -> Mapping[str, Any]:
        """What is executed, for people who look at an entry."""

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """Execute it once and take its outputs into the artifact store.

        ``holding`` is the claim under which it runs, None with caching off. Raises StepFailedError, or
        StepStoppedError when the claim was lost. However it ends, also by cancellation, no process and no file of
        it is left.
        """
