"""The inputs of a task, from the inputs of its DAG and the outputs of the tasks before it.

Rules: ``backend/src/v2/driver/resolve.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepcache.pipelines import parameter_types, placeholders
from stepcache.pipelines.model import (
    ABSENT,
    Component,
    ComponentInput,
    Constant,
    JsonValue,
    ParameterSource,
    Task,
    TaskOutput,
)
from stepcache.pipelines.values import ArtifactValue, Values


@dataclass(frozen=True, slots=True)
class Scope:
    """What the tasks of one DAG execution see: its inputs, and the outputs of the tasks that have finished."""

    inputs: Values
    outputs: dict[str, Values] = field(default_factory=dict)


def resolve(task: Task, component: Component, scope: Scope, run: Mapping[str, str]) -> Values:
    """The inputs of ``task``, which executes ``component``; ``run`` holds the placeholders of the run.

    Raises ValueError, with a sentence for people, when a value is missing or has the wrong type.
    """
    given: dict[str, JsonValue] = {}
    constants: dict[str, str] = {}
    for name, source in task.parameters.items():
        value = _parameter(source, scope)
        if isinstance(value, str) and isinstance(source.origin, Constant):
            constants[name] = value
        if value is not ABSENT:
            given[name] = value
    resolved = {name: placeholders.resolve_constant(text, given, run) for name, text in constants.items()}
    return Values(_typed(component, given | resolved), _artifacts(task, component, scope))


def _parameter(source: ParameterSource, scope: Scope) -> JsonValue:
    origin = source.origin
    if isinstance(origin, Constant):
        return origin.value
    if isinstance(origin, ComponentInput):
        return scope.inputs.parameters.get(origin.name, ABSENT)
    if isinstance(origin, TaskOutput):
        values = scope.outputs[origin.task].parameters
        if origin.output not in values:
            raise ValueError(f"task '{origin.task}' has no output parameter '{origin.output}'")
        return values[origin.output]
    raise NotImplementedError(f"{type(origin).__name__} as the source of a parameter")


def _typed(component: Component, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Every declared input with its default and its type; inputs that only placeholders use are kept as given."""
    values = dict(given)
    for name, declared in component.inputs.items():
        value = given.get(name, declared.default)
        if value is ABSENT:
            if not declared.optional:
                raise ValueError(f"input parameter '{name}' has no value")
        elif value is None and declared.optional:
            values[name] = None
        else:
            try:
                values[name] = parameter_types.convert(value, declared.type)
            except ValueError as error:
                raise ValueError(f"input parameter '{name}': {error}") from None
    return values


def _artifacts(task: Task, component: Component, scope: Scope) -> dict[str, tuple[ArtifactValue, ...]]:
    values: dict[str, tuple[ArtifactValue, ...]] = {}
    for name, origin in task.artifacts.items():
        if isinstance(origin, ComponentInput):
            found = scope.inputs.artifacts.get(origin.name)
        else:
            found = scope.outputs[origin.task].artifacts.get(origin.output)
            if found is None:
                raise ValueError(f"task '{origin.task}' has no output artifact '{origin.output}'")
        if found is not None:
            values[name] = found
    for name, declared in component.input_artifacts.items():
        if name not in values and not declared.optional:
            raise ValueError(f"input artifact '{name}' has no value")
    return values
