"""How a task ended, as exit handlers are told: KFP's ``PipelineTaskFinalStatus``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepcache.pipelines.context import RunContext
from stepcache.pipelines.dag_rules import Ended
from stepcache.pipelines.task_record import State

_UNKNOWN = 2  # google.rpc.Code.UNKNOWN: what a step fails of has no code of its own


_NOT_ENDED = (State.PENDING, State.RUNNING)


class Statuses(Mapping[str, dict[str, Any]]):
    """The statuses of the tasks of one DAG that have ended, by their names in it; made when one is asked for."""

    def __init__(self, records: Mapping[str, Ended], context: RunContext) -> None:
        self._records = records
        self._context = context

    def __getitem__(self, task: str) -> dict[str, Any]:
        record = self._records[task]
        if record.state in _NOT_ENDED:
            raise KeyError(task)
        return of(record, task, self._context)

    def __iter__(self) -> Iterator[str]:
        return (task for task, record in self._records.items() if record.state not in _NOT_ENDED)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def of(record: Ended, task: str, context: RunContext) -> dict[str, Any]:
    """The JSON form of the status of a task that has ended; ``task`` is its name in its DAG.

    Rules: ``pipeline_spec.proto`` and ``backend/src/v2/driver/resolve.go`` of kubeflow/pipelines. The state of a
    task that succeeded is ``COMPLETE``, as KFP up to 2.17 says it (MLMD's word), though its SDK documents
    ``SUCCEEDED``; the others are FAILED, SKIPPED and CANCELED.
    """
    error = {"code": _UNKNOWN, "message": record.error} if record.state is State.FAILED else {}
    return {
        "state": "COMPLETE" if record.state is State.SUCCEEDED else str(record.state),
        "pipelineTaskName": task,
        "pipelineJobResourceName": context.job_name,
        "error": error,
    }
