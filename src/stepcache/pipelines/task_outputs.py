"""What a finished step left behind, taken into the artifact store.

Rules: ``backend/src/v2/component/launcher_v2.go`` of kubeflow/pipelines. An output artifact at whose path nothing
was written has metadata only; an output parameter that was not written fails the step.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepcache.artifacts.contract import ArtifactStore
from stepcache.errors import InputError
from stepcache.pipelines import parameter_types
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import ArtifactSpec, Component, JsonValue, ParameterType
from stepcache.pipelines.values import ArtifactValue, Values


def collect(component: Component, paths: OutputPaths, store: ArtifactStore) -> Values:
    """The outputs of a step that ended well. Blocks while artifacts are hashed and moved.

    Raises ValueError, with a sentence for people, when the step did not leave what it declares.
    """
    written = _executor_output(paths)
    values = written.get("parameterValues", {})
    # KFP passes on what the step says there, declared or not.
    parameters = {name: plain(value) for name, value in values.items() if name not in component.outputs}
    parameters |= {name: _parameter(name, kind, values, paths) for name, kind in component.outputs.items()}
    records = written.get("artifacts", {})
    artifacts = {
        name: tuple(
            _artifact(name, declared, described, paths, store)
            for described in records.get(name, {}).get("artifacts") or [{}]
        )
        for name, declared in component.output_artifacts.items()
    }
    return Values(parameters, artifacts)


def _executor_output(paths: OutputPaths) -> dict[str, Any]:
    try:
        document = json.loads(paths.executor_output.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"the step wrote an executor_output.json that is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("the step wrote an executor_output.json that is no JSON object")  # noqa: TRY004 - bad data
    return document


def _parameter(name: str, kind: ParameterType, values: dict[str, JsonValue], paths: OutputPaths) -> JsonValue:
    if name in values:  # of whatever type: the launcher does not look at it, the consumer's input does
        value = plain(values[name])
        return float(value) if kind is ParameterType.NUMBER_DOUBLE and type(value) is int else value
    try:
        return parameter_types.from_text(paths.parameter(name).read_text(encoding="utf-8"), kind)
    except FileNotFoundError:
        raise ValueError(f"the step did not write its output parameter '{name}'") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"output parameter '{name}': {error}") from None


def _artifact(
    name: str, declared: ArtifactSpec, described: dict[str, Any], paths: OutputPaths, store: ArtifactStore
) -> ArtifactValue:
    metadata = {**declared.metadata, **plain(described.get("metadata") or {})}
    value = ArtifactValue(described.get("name") or name, declared.schema, metadata, None)
    # The path that the step chose for its file, under the two names that SDK and proto have for it.
    uri = described.get("custom_path") or described.get("customPath") or described.get("uri")
    uri = uri or str(paths.artifact(name))
    if "://" in uri and not uri.startswith("file://"):
        return replace(value, uri=uri)  # kept elsewhere by the step itself: known by its address only
    path = paths.root / uri.removeprefix("file://")
    if not path.exists() and not path.is_symlink():
        return value
    try:
        return replace(value, content=store.ingest(_own(path, paths, name)))
    except InputError as error:
        raise ValueError(f"output artifact '{name}': {error}") from None


def _own(path: Path, paths: OutputPaths, name: str) -> Path:
    """``path`` if it is the step's own, to be moved; else a copy of it: what lies elsewhere belongs to someone."""
    if path.resolve().is_relative_to(paths.root.resolve()):
        return path
    copy = paths.root / "copies" / name
    copy.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, copy, symlinks=True)
    else:
        shutil.copyfile(path, copy)
    return copy
