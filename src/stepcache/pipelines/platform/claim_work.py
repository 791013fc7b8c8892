"""A task that creates or deletes a volume claim, as the engine executes it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from stepcache.cache.cache import Holding
from stepcache.container_engine import Reference
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Component, Task
from stepcache.pipelines.platform import claims
from stepcache.pipelines.platform.claims import Operation
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError


@dataclass(frozen=True, slots=True)
class ClaimWork:
    """One operation on a claim. Promises what ``Work`` does; it is never reused, so it has no key."""

    component: Component
    operation: Operation
    inputs: Values
    refreshes: bool = False
    is_reusable: bool = False
    containers: Reference | None = None

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:  # noqa: ARG002 - as Work has it
        """Raise TypeError: see ``is_reusable``."""
        raise TypeError(f"task '{task.name}' is never reused, so it has no key")

    def template(self) -> Mapping[str, Any]:
        """See ``Work``."""
        return {"image": str(self.operation)}

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:  # noqa: ARG002 - never under a claim
        """See ``Work``."""
        volumes = session.cluster.volumes
        try:
            outcome = await asyncio.to_thread(
                claims.carry_out, self.operation, self.inputs.parameters, volumes, lambda: str(uuid.uuid4())
            )
        except (ValueError, OSError) as error:
            raise StepFailedError(str(error)) from error
        if outcome.note:
            session.listener.warn(f"{record.name}: {outcome.note}")
        return Values(dict(outcome.parameters))
