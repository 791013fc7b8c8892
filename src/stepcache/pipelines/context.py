"""Which run a task belongs to, as the placeholders of KFP tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True)
class RunContext:
    """Facts that are the same for every task of a run."""

    run_id: str
    pipeline: str
    created_at: float
    """Seconds since the epoch."""
    root: str
    """Where outputs are kept: the location of the artifact store."""
    workspace: str
    """The directory that all steps of the pipeline share."""

    @property
    def job_name(self) -> str:
        """The name of the run, unique like its id."""
        return f"{self.pipeline}-{self.run_id}"

    def placeholders(self, task: str, task_id: str) -> dict[str, str]:
        """What ``{{$.name}}`` stands for in a task (``backend/src/v2/driver/resolve.go`` of kubeflow/pipelines)."""
        return {**self._of_every_task, "pipeline_task_name": task, "pipeline_task_uuid": task_id}

    @cached_property
    def created(self) -> str:
        """When the run began, as placeholders tell it."""
        return datetime.fromtimestamp(self.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @cached_property
    def _of_every_task(self) -> dict[str, str]:
        return {
            "pipeline_job_name": self.job_name,
            "pipeline_job_resource_name": self.job_name,
            "pipeline_job_uuid": self.run_id,
            "pipeline_job_create_time_utc": self.created,
            "pipeline_job_schedule_time_utc": self.created,
            "pipeline_root": self.root,
            "workspace_path": self.workspace,
        }
