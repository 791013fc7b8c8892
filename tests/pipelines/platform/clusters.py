"""Pipelines with platform settings, made small, and the clusters that stand for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stepcache.pipelines import loading
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.cluster import Cluster

DATA = Path(__file__).parents[2] / "data"


def load(name: str) -> Pipeline:
    """A pipeline of ``tests/data``."""
    return loading.load(DATA / name)


def pipeline(
    tasks: dict[str, dict[str, Any]],
    *,
    executors: dict[str, dict[str, Any]] | None = None,
    config: dict[str, Any] | None = None,
    platform: dict[str, dict[str, Any]] | None = None,
    inputs: dict[str, dict[str, Any]] | None = None,
) -> Pipeline:
    """A pipeline of these tasks (their fields in the IR), each with an executor of its own.

    ``platform`` has the settings by task; ``executors`` the container by task, when it matters.
    """
    spec = {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "components": {
            f"comp-{name}": {
                "executorLabel": f"exec-{name}",
                "inputDefinitions": {"parameters": {"pvc_name": {"parameterType": "STRING", "isOptional": True}}},
                "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}},
            }
            for name in tasks
        },
        "deploymentSpec": {
            "executors": {
                f"exec-{name}": {"container": {"image": "busybox", **(executors or {}).get(name, {})}}
                for name in tasks
            }
        },
        "root": {
            "inputDefinitions": {"parameters": inputs or {}},
            "dag": {
                "tasks": {
                    name: {"taskInfo": {"name": name}, "componentRef": {"name": f"comp-{name}"}, **task}
                    for name, task in tasks.items()
                }
            },
        },
    }
    settings = {f"exec-{name}": value for name, value in (platform or {}).items()}
    kubernetes = {"deploymentSpec": {"executors": settings}, "pipelineConfig": config or {}}
    documents = [json.dumps(spec), json.dumps({"platforms": {"kubernetes": kubernetes}})]
    return loading.parse("\n---\n".join(documents).encode(), source="small.yaml")


def cluster(of: Pipeline, home: Path, bindings: Bindings | None = None) -> Cluster:
    return Cluster.of(of, bindings or Bindings(), home, "default", "small.yaml")
