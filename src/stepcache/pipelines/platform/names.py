"""The name of a secret, a config map or a volume claim, where it is not a constant.

Rules: ``resolveInputParameterStr`` in ``backend/src/v2/driver`` of kubeflow/pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stepcache.pipelines.model import ComponentInput, Constant, JsonValue, TaskOutput
from stepcache.pipelines.platform.settings import Reference
from stepcache.pipelines.values import Values

_RUN = re.compile(r"\{\{\$\.(?P<name>[a-z_]+)\}\}")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a task starts."""

    parameters: Mapping[str, JsonValue]
    """The inputs of the DAG that the task is in, not those of the task."""
    outputs: Mapping[str, Values] = field(default_factory=dict)
    """Of the tasks of that DAG that have finished."""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    """Facts of the run, for constants such as ``{{$.pipeline_job_uuid}}``."""


def resolve(reference: Reference, known: Known, what: str) -> str | None:
    """The name; None when it is an input that nobody set, which an optional one is.

    ``what`` names the thing in errors. Raises ValueError, with a sentence for people, for anything that is no name.
    """
    value = _value(reference, known, what)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError(f"the name of a {what} comes from {describe(reference)}, which is no text")
    return value


def describe(reference: Reference) -> str:
    """A reference in words."""
    if isinstance(reference, ComponentInput):
        return f"the input '{reference.name}'"
    if isinstance(reference, TaskOutput):
        return f"the output '{reference.output}' of task '{reference.task}'"
    return "a constant"


def _value(reference: Reference, known: Known, what: str) -> JsonValue:
    if isinstance(reference, ComponentInput):
        return known.parameters.get(reference.name)
    if isinstance(reference, Constant):
        return _constant(reference.value, known)
    finished = known.outputs.get(reference.task)
    if finished is None or reference.output not in finished.parameters:
        raise ValueError(f"the name of a {what} comes from {describe(reference)}, which has no value")
    return finished.parameters[reference.output]


def _constant(value: JsonValue, known: Known) -> JsonValue:
    match = _RUN.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else known.placeholders.get(match["name"], value)
