"""The name of a secret, a config map or a volume claim, and other values, where they are not constants.

Rules: ``resolveInputParameterStr`` and ``resolveInputParameter`` in ``backend/src/v2/driver`` of
kubeflow/pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import ComponentInput, Constant, JsonValue, TaskOutput
from stepcache.pipelines.platform.reference import Reference
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
    found = value(reference, known, f"the name of a {what} comes from")
    if found is None:
        return None
    if not isinstance(found, str) or not found:
        raise ValueError(f"the name of a {what} comes from {describe(reference)}, which is no text")
    return found


def claim(reference: Reference, known: Known) -> str:
    """The name of a volume claim. Raises ValueError as ``resolve`` does, and for an input that nobody set."""
    name = resolve(reference, known, "volume claim")
    if name is None:
        raise ValueError(f"the name of a volume claim comes from {describe(reference)}, which is not set")
    return name


def value(reference: Reference, known: Known, what: str) -> JsonValue:
    """The value, whatever its type; None when it is an input that nobody set, which an optional one is.

    ``what`` begins the sentence of an error, such as "the node selector comes from". Raises ValueError for the
    output of a task that left none.
    """
    if isinstance(reference, ComponentInput):
        return known.parameters.get(reference.name)
    if isinstance(reference, Constant):
        return _constant(reference.value, known)
    finished = known.outputs.get(reference.task)
    if finished is None or reference.output not in finished.parameters:
        raise ValueError(f"{what} {describe(reference)}, which has no value")
    return finished.parameters[reference.output]


def describe(reference: Reference) -> str:
    """A reference in words."""
    if isinstance(reference, ComponentInput):
        return f"the input '{reference.name}'"
    if isinstance(reference, TaskOutput):
        return f"the output '{reference.output}' of task '{reference.task}'"
    return "a constant"


def _constant(value: JsonValue, known: Known) -> JsonValue:
    match = _RUN.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else known.placeholders.get(match["name"], value)
