"""Which of a file's documents is the pipeline, and which its platform spec.

Three forms hold them: the SDK's own, one document each in either order; Kubernetes manifests, a ``PipelineVersion``
with both inside of it, perhaps with its ``Pipeline`` or in a list (``backend/src/crd`` of kubeflow/pipelines); and
the object in which ``kfp.Client`` sends both to a server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from stepcache.errors import InputError
from stepcache.pipelines.yaml_scalars import shown

REMEDY = "compile the pipeline with the KFP SDK: kfp.compiler.Compiler().compile(pipeline, 'pipeline.yaml')"

_GROUP = "pipelines.kubeflow.org/"
_SENT = {"pipeline_spec", "platform_spec", "pipelineSpec", "platformSpec"}


class Manifest(NamedTuple):
    """The JSON forms of a ``PipelineSpec`` and of a ``PlatformSpec``, the latter empty if there is none."""

    pipeline: dict[str, Any]
    platforms: dict[str, Any]


def choose(documents: list[Any], source: str) -> Manifest:
    """The one pipeline among ``documents``. Raises InputError, saying what there is instead.

    What is inside of it is not looked at, but a document of no known kind is refused: nothing is silently dropped.
    """
    parts = [part for document in documents for part in _parts(document, source)]
    pipelines = [part for part in parts if _is_pipeline(part)]
    platforms = [part for part in parts if _is_platforms(part)]
    others = [part for part in parts if not _is_pipeline(part) and not _is_platforms(part)]
    problem = ""
    if len(pipelines) > 1:
        names = ", ".join(shown(str(_information(part).get("name", ""))) for part in pipelines[:10])
        problem = f"holds {len(pipelines)} pipelines ({names}): give one"
    elif others and pipelines:
        problem = f"holds a document beside the pipeline and its platform spec: it {_what_it_is(others[0])}"
    elif not pipelines:
        problem = _what_it_is(others[0] if others else parts[0] if parts else {})
    elif len(platforms) > 1:
        problem = f"holds {len(platforms)} platform specs: give one"
    if problem:
        raise InputError(f"{source} {problem}", remedy=REMEDY)
    return Manifest(pipelines[0], platforms[0] if platforms else {})


def _parts(document: Any, source: str) -> Iterator[Any]:
    """The specs inside of a document, or the document itself."""
    if not isinstance(document, dict):
        yield document
    elif _is_kubernetes(document) and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _parts(item, source)
    elif _is_kubernetes(document) and str(document["apiVersion"]).startswith(_GROUP):
        yield from _version(document, source)
    elif document.keys() <= _SENT and document:
        yield from filter(None, document.values())
    else:
        yield document


def _version(document: dict[str, Any], source: str) -> Iterator[Any]:
    kind = document["kind"]
    if kind == "Pipeline":  # names the pipeline and holds nothing that runs
        return
    spec = document.get("spec")
    if kind != "PipelineVersion" or not isinstance(spec, dict):
        yield document
        return
    if not spec.get("pipelineSpec"):
        raise InputError(f"{source} holds a PipelineVersion without spec.pipelineSpec", remedy=REMEDY)
    yield spec["pipelineSpec"]
    if spec.get("platformSpec"):
        yield spec["platformSpec"]


def _is_kubernetes(document: dict[str, Any]) -> bool:
    return "apiVersion" in document and "kind" in document


def _is_pipeline(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and bool({"pipelineInfo", "pipeline_info"} & document.keys())
        and "root" in document
    )


def _is_platforms(document: Any) -> bool:
    return isinstance(document, dict) and "platforms" in document


def _information(document: dict[str, Any]) -> dict[str, Any]:
    information = document.get("pipelineInfo") or document.get("pipeline_info")
    return information if isinstance(information, dict) else {}


def _what_it_is(document: Any) -> str:
    if not isinstance(document, dict):
        return "is no compiled pipeline: it does not hold a mapping"
    if str(document.get("apiVersion", "")).startswith("argoproj.io/"):
        return "is an Argo Workflow, made by the KFP SDK 1.x; stepcache runs what the SDK 2.x compiles"
    if "implementation" in document:
        return "is a component definition, not a compiled pipeline"
    if _is_kubernetes(document):
        return f"is a Kubernetes {shown(str(document['kind']))}, not a compiled pipeline"
    if _is_platforms(document):
        return "holds a platform spec without its pipeline"
    if "nbformat" in document:
        return "is a notebook, not a compiled pipeline"
    if not document:
        return "holds no PipelineVersion, only the Pipeline that one belongs to"
    return "is no compiled pipeline: it has no 'pipelineInfo' and 'root'"
