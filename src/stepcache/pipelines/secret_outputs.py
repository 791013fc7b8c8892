"""Output artifacts that hold the value of a secret: kept as they are, and said."""

from __future__ import annotations

import asyncio

from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values


async def warn(values: Values, record: TaskRecord, session: Session) -> None:
    """Warn of each artifact among a step's outputs that holds one. They are read whole, in a thread."""
    for name in await asyncio.to_thread(_find, values, session):
        session.listener.warn(f"{record.name}: the output artifact '{name}' holds the value of a secret")


def _find(values: Values, session: Session) -> list[str]:
    redactor, path = session.cluster.redactor, session.artifacts.path
    return [
        name
        for name, artifacts in values.artifacts.items()
        if any(item.content is not None and redactor.anywhere_in(path(item.content)) for item in artifacts)
    ]
