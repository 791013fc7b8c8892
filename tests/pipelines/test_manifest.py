from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.pipelines.manifest import choose

SPEC: dict[str, Any] = {"pipelineInfo": {"name": "x"}, "root": {"dag": {}}}
OTHER: dict[str, Any] = {"pipeline_info": {"name": "y"}, "root": {}}
PLATFORMS: dict[str, Any] = {"platforms": {"kubernetes": {}}}
GROUP = "pipelines.kubeflow.org/v2beta1"
PIPELINE: dict[str, Any] = {"apiVersion": GROUP, "kind": "Pipeline", "metadata": {"name": "x"}}


def _version(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": GROUP, "kind": "PipelineVersion", "metadata": {"name": "x"}, "spec": spec}


def _list(*items: Any, kind: str = "List", group: str = "v1") -> dict[str, Any]:
    return {"apiVersion": group, "kind": kind, "items": list(items)}


@pytest.mark.parametrize(
    ("documents", "platforms"),
    [
        ([SPEC], {}),
        ([SPEC, PLATFORMS], PLATFORMS),
        ([PLATFORMS, SPEC], PLATFORMS),
        ([_version(pipelineSpec=SPEC)], {}),
        ([_version(pipelineSpec=SPEC, platformSpec=None)], {}),
        ([_version(pipelineSpec=SPEC, platformSpec=PLATFORMS, pipelineName="x")], PLATFORMS),
        ([PIPELINE, _version(pipelineSpec=SPEC)], {}),
        ([_version(pipelineSpec=SPEC, platformSpec=PLATFORMS), PIPELINE], PLATFORMS),
        ([_list(PIPELINE, _version(pipelineSpec=SPEC))], {}),
        ([_list(_version(pipelineSpec=SPEC), kind="PipelineVersionList", group=GROUP)], {}),
        ([{"pipeline_spec": SPEC, "platform_spec": PLATFORMS}], PLATFORMS),
        ([{"pipelineSpec": SPEC}], {}),
    ],
)
def test_a_pipeline_and_its_platform_spec(documents: list[Any], platforms: dict[str, Any]) -> None:
    assert choose(documents, "file") == (SPEC, platforms)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([SPEC, OTHER], r"holds 2 pipelines \(x, y\): give one"),
        ([_version(pipelineSpec=SPEC), _version(pipelineSpec=OTHER)], r"holds 2 pipelines \(x, y\)"),
        ([SPEC, PLATFORMS, PLATFORMS], "holds 2 platform specs"),
        ([SPEC, {"kind": "Pod", "apiVersion": "v1"}], "a document beside the pipeline .*: it is a Kubernetes Pod"),
        ([SPEC, "text"], "a document beside the pipeline"),
        ([PLATFORMS], "holds a platform spec without its pipeline"),
        ([PIPELINE], "holds no PipelineVersion, only the Pipeline"),
        ([_version(pipelineSpecURI="https://x")], r"holds a PipelineVersion without spec\.pipelineSpec"),
        ([_version(pipelineSpec={"a": 1})], "has no 'pipelineInfo' and 'root'"),
        ([_version(pipelineSpec="text")], "does not hold a mapping"),
        ([{**_version(), "spec": 5}], "is a Kubernetes PipelineVersion"),
        ([{"apiVersion": GROUP, "kind": "Run"}], "is a Kubernetes Run"),
        (
            [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}],
            "is an Argo Workflow, made by the KFP SDK 1",
        ),
        ([{"apiVersion": "v1", "kind": "\x1b[2J"}], r"is a Kubernetes \\x1b\[2J"),
        ([{"name": "x", "implementation": {}}], "is a component definition"),
        ([{"nbformat": 4, "cells": []}], "is a notebook"),
        ([{"pipelineSpec": SPEC, "runtimeConfig": {}}], "is no compiled pipeline"),
        ([{"pipelineInfo": {"name": "x"}}], "has no 'pipelineInfo' and 'root'"),
        ([{}], ""),
        ([[1]], "does not hold a mapping"),
        ([5], "does not hold a mapping"),
        ([_list()], ""),
    ],
)
def test_anything_else_is_named(documents: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^file .*{message}") as caught:
        choose(documents, "file")
    assert "compile the pipeline with the KFP SDK" in caught.value.remedy
