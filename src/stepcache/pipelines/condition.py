"""Whether a task is triggered: ``triggerPolicy.condition`` of a compiled pipeline.

An error never counts as false: KFP's driver fails the task. So a condition that cannot be decided raises.

Rules: ``Condition`` in ``backend/src/v2/expression/expression.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepcache.pipelines import messages
from stepcache.pipelines.expression import Environment, as_cel, shown
from stepcache.pipelines.model import JsonValue

if TYPE_CHECKING:
    from cel_expr_python import cel


def holds(
    condition: str, inputs: Mapping[str, JsonValue], artifacts: Mapping[str, JsonValue] | None = None
) -> bool:
    """Whether a task with this condition and these resolved inputs is to run.

    ``inputs`` are the task's parameter values (``inputs.parameter_values[…]`` in the condition); one that nobody
    set is absent. ``artifacts`` (``inputs.artifacts[…]``) is the JSON form of ``ExecutorInput.Inputs.artifacts``.
    The outputs are empty, as they are when KFP's driver decides.

    Raises ValueError, with a sentence for people, for a condition that is no CEL, uses names or types that do not
    fit, finds a key missing, comes to an error or to anything but true or false.
    """
    try:
        values: dict[str, Any] = {
            "inputs.parameter_values": as_cel(inputs),
            "inputs.parameters": {},
            "inputs.artifacts": _artifacts(artifacts or {}),
            "outputs.parameters": {},
            "outputs.artifacts": {},
            "outputs.output_file": "",
        }
        answer = _ENVIRONMENT.evaluate(condition, values)
    except ValueError as error:
        raise ValueError(f"the condition {shown(condition)} cannot be decided: {error}") from None
    if answer.type != "BOOL":
        raise ValueError(
            f"the condition {shown(condition)} cannot be decided: it comes to {answer.type.lower()}, "
            "not to true or false"
        )
    return bool(answer.value)


def _declare() -> tuple[Any, dict[str, cel.Type]]:
    """The members of ``ExecutorInput``, each as a variable of its own.

    That takes parameters as plain values. As a message they would cross into the library serialized, where protobuf
    refuses values nested deeper than 32 objects.
    """
    from cel_expr_python import cel

    def mapping(value: cel.Type) -> cel.Type:
        return cel.Type.Map(cel.Type.STRING, value)

    artifacts = mapping(cel.Type("ml_pipelines.ArtifactList"))
    variables = {
        "inputs.parameter_values": mapping(cel.Type.DYN),
        "inputs.parameters": mapping(cel.Type("ml_pipelines.Value")),
        "inputs.artifacts": artifacts,
        "outputs.parameters": mapping(cel.Type("ml_pipelines.ExecutorInput.OutputParameter")),
        "outputs.artifacts": artifacts,
        "outputs.output_file": cel.Type.STRING,
    }
    return messages.parse("ExecutorInput", {}).DESCRIPTOR.file.pool, variables


def _artifacts(document: Mapping[str, JsonValue]) -> dict[str, Any]:
    if not document:
        return {}
    message: Any = messages.parse("ExecutorInput", {"inputs": {"artifacts": dict(document)}})
    return dict(message.inputs.artifacts)


_ENVIRONMENT = Environment(_declare)
