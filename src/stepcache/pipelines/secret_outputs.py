"""Output artifacts that hold the value of a secret: kept as they are, and said."""

from __future__ import annotations

from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values


def warn(values: Values, record: TaskRecord, session: Session) -> None:
    """Warn of each artifact among a step's outputs that holds one. Reads them whole."""
    for name, artifacts in values.artifacts.items():
        for artifact in artifacts:
            if artifact.content is not None and session.cluster.redactor.anywhere_in(
                session.artifacts.path(artifact.content)
            ):
                session.listener.warn(f"{record.name}: the output artifact '{name}' holds the value of a secret")
