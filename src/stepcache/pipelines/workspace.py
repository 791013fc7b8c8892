"""The directory that the steps of a pipeline share (``dsl.WorkspaceConfig``)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from stepcache.pipelines.model import Pipeline


def path(home: Path, namespace: str, pipeline: Pipeline) -> Path:
    """The workspace of ``pipeline``, there or not.

    Under KFP it is a volume of one run. Here it is kept, one for each namespace and pipeline: its path is part of
    the inputs of those who use it, so with a path of its own no run would reuse anything, and what a reused step
    wrote there in an earlier run is still there.
    """
    digest = hashlib.sha256(f"{len(namespace)}:{namespace}{pipeline.name}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^-\w.]+", "_", pipeline.name)[:60]
    return home / "workspaces" / f"{readable}-{digest}"


def of(home: Path, namespace: str, pipeline: Pipeline) -> Path:
    """The workspace of ``pipeline``; made when the pipeline asks for one."""
    directory = path(home, namespace, pipeline)
    kubernetes = pipeline.platforms.get("platforms", {}).get("kubernetes", {})
    if "workspace" in kubernetes.get("pipelineConfig", {}):
        directory.mkdir(parents=True, exist_ok=True)
    return directory
