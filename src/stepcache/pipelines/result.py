"""How a run ended, in the one form that programs read (``stepcache run --json``)."""

from __future__ import annotations

from typing import Any

from stepcache.artifacts.contract import ArtifactStore
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.task_record import State, TaskRecord
from stepcache.pipelines.values import ArtifactValue, Values


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that has ended: SUCCEEDED, FAILED or CANCELED."""

    run_id: str
    state: State
    tasks: tuple[TaskRecord, ...]
    outputs: Values
    """Empty unless the run succeeded."""
    error: str = ""
    """Why it failed, in one sentence."""
    seconds: float = 0.0
    """How long it took."""

    def to_document(self, artifacts: ArtifactStore) -> dict[str, Any]:
        """The document that ``run --json`` ends with; see docs/running.md."""
        return {
            "run_id": self.run_id,
            "state": str(self.state),
            **({"error": self.error} if self.error else {}),
            "tasks": [_task(task) for task in self.tasks],
            "outputs": {
                **self.outputs.parameters,
                **{
                    name: [_artifact(value, artifacts) for value in values]
                    if len(values) != 1
                    else _artifact(values[0], artifacts)
                    for name, values in self.outputs.artifacts.items()
                },
            },
        }


def _task(task: TaskRecord) -> dict[str, Any]:
    return {
        "name": task.name,
        "state": str(task.state),
        "cache": {"result": str(task.result), "reason": task.reason or None, "key": task.key or None}
        | ({"tasks": task.tasks} if task.tasks else {}),
        "duration_seconds": round(task.duration, 6),
    }


def _artifact(value: ArtifactValue, artifacts: ArtifactStore) -> dict[str, Any]:
    content = value.content
    document: dict[str, Any] = {"name": value.name, "type": dict(value.schema), "metadata": dict(value.metadata)}
    if content is not None:
        document |= {"uri": str(artifacts.path(content)), "digest": content.digest, "size": content.size}
    elif value.uri:
        document["uri"] = value.uri
    return document
