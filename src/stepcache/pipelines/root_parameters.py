"""The parameters of a run against what the pipeline declares.

Rules: ``validatePipelineJobInputs`` in ``backend/src/apiserver/template/v2_template.go`` and the defaults in
``backend/src/v2/compiler/argocompiler/argo.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from stepcache.pipelines import parameter_types
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.model import ABSENT, InputParameter, JsonValue, ParameterType
from stepcache.pipelines.root_inputs import Given

_MADE_BY_KFP = {
    ParameterType.TASK_FINAL_STATUS: "the final status of a task",
    ParameterType.TASK_CONFIG: "the configuration of a task",
    ParameterType.UNSPECIFIED: "of no type",
}


def resolve(declared: Mapping[str, InputParameter], given: Given) -> tuple[dict[str, JsonValue], list[str]]:
    """The typed values of the declared parameters, and the problems with them: missing, of the wrong type, not
    among the literals. Names that are given and not declared are not looked at.
    """
    values: dict[str, JsonValue] = {}
    problems: list[str] = []
    for name, parameter in declared.items():
        try:
            value = _value(name, parameter, given)
        except ValueError as problem:
            problems.append(str(problem))
        else:
            if value is not ABSENT:
                values[name] = value
    return values, problems


def _value(name: str, parameter: InputParameter, given: Given) -> JsonValue:
    """The parameter's value or ABSENT. Raises ValueError for a problem, a sentence that names the parameter."""
    if name not in given.texts and name not in given.values:
        return _default(name, parameter)
    if parameter.type in _MADE_BY_KFP:
        raise ValueError(f"parameter '{name}' cannot be given: it is {_MADE_BY_KFP[parameter.type]}")
    if _is_null(name, parameter, given):
        if not parameter.optional:
            raise ValueError(f"parameter '{name}' is not optional, so it cannot be null")
        return ABSENT  # what KFP makes of null: no value, not even the default of the pipeline
    try:
        value = _typed(name, parameter, given)
    except ValueError as error:
        raise ValueError(f"parameter '{name}': {error}") from None
    if parameter.literals and _canonical(value) not in map(_canonical, parameter.literals):
        allowed = ", ".join(parameter_types.to_text(literal) for literal in parameter.literals)
        shown = parameter_types.to_text(value)
        raise ValueError(f"parameter '{name}': expected one of {allowed}, got {shown}")
    return value


def _is_null(name: str, parameter: InputParameter, given: Given) -> bool:
    if name in given.texts:  # of a text, null is four letters
        return parameter.type is not ParameterType.STRING and given.texts[name].strip() == "null"
    return given.values[name] is None


def _typed(name: str, parameter: InputParameter, given: Given) -> JsonValue:
    kind = parameter.type
    value = parameter_types.from_text(given.texts[name], kind) if name in given.texts else given.values[name]
    value = parameter_types.given(value, kind)
    return plain(value) if isinstance(value, list | dict) else value


def _default(name: str, parameter: InputParameter) -> JsonValue:
    if parameter.default is None:
        return ABSENT
    if parameter.default is ABSENT:
        if parameter.optional:
            return ABSENT
        kind = parameter_types.NAMES.get(parameter.type) or _MADE_BY_KFP[parameter.type]
        raise ValueError(f"parameter '{name}' is missing ({kind})")
    try:
        return parameter_types.convert(parameter.default, parameter.type)
    except ValueError as error:
        raise ValueError(f"parameter '{name}' has a default of the wrong type: {error}") from None


def _canonical(value: JsonValue) -> str:
    """Equal texts for equal values only: unlike Python, true is not 1 here."""
    return json.dumps(plain(value), sort_keys=True)
