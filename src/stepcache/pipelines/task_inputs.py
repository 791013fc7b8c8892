"""The inputs of a task, from the inputs of its DAG and the outputs of the tasks before it.

Rules: ``backend/src/v2/driver/resolve.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import parameter_types, placeholders
from stepcache.pipelines.model import (
    ABSENT,
    Component,
    ComponentInput,
    Constant,
    FinalStatus,
    InputParameter,
    JsonValue,
    Origin,
    ParameterType,
    Task,
    TaskOutput,
)
from stepcache.pipelines.values import ArtifactValue, Values


@dataclass(frozen=True, slots=True)
class Scope:
    """What the tasks of one DAG execution see: its inputs, and what the tasks that have ended left."""

    inputs: Values
    outputs: dict[str, Values] = field(default_factory=dict)
    """Of every task that succeeded."""
    statuses: Mapping[str, JsonValue] = field(default_factory=dict)
    """The ``PipelineTaskFinalStatus`` of every task that ended."""
    declared: Collection[str] | None = None
    """The names of the parameters that the DAG declares; None if that is not known.

    The SDK (2.17.3) has tasks of nested loops take parameters that their DAG does not have: the items of loops
    further inside, which get them from their own loop. Such an input is left without a value.
    """


def resolve(task: Task, component: Component, scope: Scope, run: Mapping[str, str]) -> Values:
    """The inputs of ``task``, which executes ``component``; ``run`` holds the placeholders of the run.

    The item of a task that iterates is left out: it has another value in each iteration. Raises ValueError, with a
    sentence for people, when a value is missing or has the wrong type.
    """
    given: dict[str, JsonValue] = {}
    constants: dict[str, str] = {}
    missing: dict[str, str] = {}
    dangling = set()
    selects = False
    for name, source in task.parameters.items():
        origin = source.origin
        value = _parameter(origin, scope)
        is_constant = isinstance(origin, Constant)
        if isinstance(origin, ComponentInput) and scope.declared is not None and origin.name not in scope.declared:
            dangling.add(name)
        if value is ABSENT or (value is None and not is_constant):
            missing[name] = _why_missing(origin)
            continue
        if is_constant and isinstance(value, str):
            constants[name] = value
        selects = selects or bool(source.selector)
        given[name] = value
    selected = given
    if constants:
        selected = given | {
            name: placeholders.resolve_constant(text, given, run) for name, text in constants.items()
        }
    if selects:
        selected = _selected(task, selected)
    if task.iterator is not None:
        dangling.add(task.iterator.item_input)
    return Values(_typed(component, selected, missing, dangling), _artifacts(task, component, scope))


def typed_item(component: Component, name: str, item: JsonValue) -> JsonValue:
    """The item of one iteration as the input ``name`` of ``component``. Raises ValueError for the wrong type."""
    declared = component.inputs.get(name)
    return item if declared is None else _convert(name, item, declared)


def _parameter(origin: Origin, scope: Scope) -> JsonValue:
    if isinstance(origin, Constant):
        return origin.value
    if isinstance(origin, ComponentInput):
        return scope.inputs.parameters.get(origin.name, ABSENT)
    if isinstance(origin, FinalStatus):
        return scope.statuses.get(origin.task, ABSENT)
    finished = scope.outputs.get(origin.task)
    return ABSENT if finished is None else finished.parameters.get(origin.output, ABSENT)


def _why_missing(origin: Origin) -> str:
    if isinstance(origin, TaskOutput):
        return f"task '{origin.task}' left no output parameter '{origin.output}'"
    if isinstance(origin, ComponentInput):
        return f"the pipeline's input '{origin.name}' was not set"
    if isinstance(origin, FinalStatus):
        return f"task '{origin.task}' has not ended"
    return "it was not set"


def _selected(task: Task, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The values with their expressions applied (``parameter_expression_selector``)."""
    from stepcache.pipelines import selector

    selected = dict(given)
    for name, source in task.parameters.items():
        if source.selector and name in given:
            try:
                selected[name] = selector.select(source.selector, given[name])
            except ValueError as error:
                raise ValueError(f"input parameter '{name}': {error}") from None
    return selected


def _typed(
    component: Component, given: dict[str, JsonValue], missing: Mapping[str, str], dangling: Collection[str]
) -> dict[str, JsonValue]:
    """Every declared input with its default and its type; inputs that only placeholders use are kept as given.
    ``missing`` says why an input has no value; those of ``dangling`` need none.
    """
    values = dict(given)
    for name, declared in component.inputs.items():
        if name in dangling or declared.type is ParameterType.TASK_CONFIG:
            continue
        value = given.get(name, declared.default)
        if value is ABSENT and declared.type is ParameterType.TASK_FINAL_STATUS:
            values[name] = {}  # nothing to tell: no exit handler; KFP's executor cannot read null
        elif value is ABSENT:
            if not declared.optional:
                why = missing.get(name)
                raise ValueError(f"input parameter '{name}' has no value" + (f": {why}" if why else ""))
        elif value is None and declared.optional:
            values[name] = None
        else:
            values[name] = _convert(name, value, declared)
    return values


def _convert(name: str, value: JsonValue, declared: InputParameter) -> JsonValue:
    try:
        converted = parameter_types.convert(value, declared.type)
    except ValueError as error:
        raise ValueError(f"input parameter '{name}': {error}") from None
    if declared.literals and converted not in declared.literals:
        allowed = ", ".join(parameter_types.to_text(literal) for literal in declared.literals)
        raise ValueError(
            f"input parameter '{name}': expected one of {allowed}, got {parameter_types.to_text(converted)}"
        )
    return converted


def _artifacts(task: Task, component: Component, scope: Scope) -> dict[str, tuple[ArtifactValue, ...]]:
    values: dict[str, tuple[ArtifactValue, ...]] = {}
    if not task.artifacts and not component.input_artifacts:
        return values
    item = task.iterator.item_input if task.iterator is not None and task.iterator.over_artifacts else None
    missing: dict[str, str] = {}
    for name, origin in task.artifacts.items():
        if isinstance(origin, ComponentInput):
            found = scope.inputs.artifacts.get(origin.name)
            missing[name] = f"the pipeline's input artifact '{origin.name}' was not set"
        else:
            finished = scope.outputs.get(origin.task)
            found = None if finished is None else finished.artifacts.get(origin.output)
            missing[name] = f"task '{origin.task}' left no output artifact '{origin.output}'"
        if found is not None:
            values[name] = found
    for name, declared in component.input_artifacts.items():
        if name not in values and name != item and not declared.optional:
            why = missing.get(name)
            raise ValueError(f"input artifact '{name}' has no value" + (f": {why}" if why else ""))
    return values
