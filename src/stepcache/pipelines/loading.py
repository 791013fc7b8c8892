"""From a file to a ``Pipeline``, or one clear error.

KFP's own messages are the schema: an unknown field or a wrong type is refused, as KFP's server refuses it. The
platform spec is kept as it is written, since a newer KFP's settings in it are no reason to refuse a pipeline; see
``platform.parsing``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepcache.errors import InputError
from stepcache.pipelines import conversion, messages, references
from stepcache.pipelines.model import Pipeline

_REMEDY = "compile the pipeline with the KFP SDK: kfp.compiler.Compiler().compile(pipeline, 'pipeline.yaml')"


def load(path: Path) -> Pipeline:
    """The pipeline that ``path`` holds, compiled by the KFP SDK 2.x to YAML or JSON.

    Raises InputError when there is no such file or it holds anything else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot read {path}: {reason}", remedy="give the path of a compiled pipeline") from error
    return parse(data, source=str(path))


def parse(data: bytes, *, source: str) -> Pipeline:
    """The pipeline in ``data``; ``source`` names it in errors."""
    documents = _documents(data, source)
    spec, platforms = _choose(documents, source)
    try:
        message = messages.parse("PipelineSpec", spec)
        document = messages.to_document(message)
        deployment = messages.to_document(
            messages.parse("PipelineDeploymentConfig", document.get("deploymentSpec", {}))
        )
    except ValueError as error:
        raise InputError(f"{source} is no valid compiled pipeline: {error}", remedy=_REMEDY) from error
    pipeline = conversion.pipeline(document, deployment, platforms)
    references.check(pipeline, source)
    return pipeline


def _documents(data: bytes, source: str) -> list[Any]:
    import yaml

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{source} is a binary file, not a compiled pipeline", remedy=_REMEDY) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.load_all(text, Loader=loader) if document is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        place = f", line {where.line + 1}" if where is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{source}{place} is neither YAML nor JSON: {problem}", remedy=_REMEDY) from error
    if not documents:
        raise InputError(f"{source} is empty", remedy=_REMEDY)
    return documents


def _choose(documents: list[Any], source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline spec and the platform spec among the documents of a file."""
    specs = [document for document in documents if isinstance(document, dict) and _is_spec(document)]
    platforms = [document for document in documents if isinstance(document, dict) and "platforms" in document]
    if len(specs) != 1 or len(specs) + len(platforms) != len(documents):
        raise InputError(f"{source} {_what_it_is(documents, len(specs))}", remedy=_REMEDY)
    return specs[0], platforms[0] if platforms else {}


def _is_spec(document: dict[str, Any]) -> bool:
    return bool({"pipelineInfo", "pipeline_info"} & document.keys()) and "root" in document


def _what_it_is(documents: list[Any], specs: int) -> str:
    first = documents[0]
    if specs > 1:
        return f"holds {specs} pipelines: give one"
    if specs == 1:
        return "holds a document beside the pipeline and its platform spec"
    if not isinstance(first, dict):
        return "is no compiled pipeline: it does not hold a mapping"
    if str(first.get("apiVersion", "")).startswith("argoproj.io/"):
        return "is an Argo Workflow, made by the KFP SDK 1.x; stepcache runs what the SDK 2.x compiles"
    if "implementation" in first:
        return "is a component definition, not a compiled pipeline"
    if "kind" in first and "apiVersion" in first:
        return f"is a Kubernetes {first['kind']}, not a compiled pipeline"
    if "platforms" in first:
        return "holds a platform spec without its pipeline"
    return "is no compiled pipeline: it has no 'pipelineInfo' and 'root'"
