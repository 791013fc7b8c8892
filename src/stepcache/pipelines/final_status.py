"""How a task ended, as exit handlers are told: KFP's ``PipelineTaskFinalStatus``."""

from __future__ import annotations

from typing import Any

from stepcache.pipelines.context import RunContext
from stepcache.pipelines.dag_rules import Ended
from stepcache.pipelines.task_record import State

_UNKNOWN = 2  # google.rpc.Code.UNKNOWN: what a step fails of has no code of its own


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
