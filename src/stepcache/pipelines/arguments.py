"""The parameters of a run, as the user gave them, against what the pipeline declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepcache.errors import InputError
from stepcache.pipelines import parameter_types
from stepcache.pipelines.model import ABSENT, Component, InputParameter, JsonValue


def split(assignments: Sequence[str]) -> dict[str, str]:
    """``name=value`` texts as a mapping; the last of one name counts. Raises InputError for any other text."""
    result = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise InputError(f"'{assignment}' is not of the form name=value", remedy="write -p name=value")
        result[name] = value
    return result


def resolve(root: Component, given: Mapping[str, str]) -> dict[str, JsonValue]:
    """The typed parameters of a run: the given texts, and the defaults of what was not given.

    Raises one InputError that names every problem: missing, unknown (with a suggestion), wrong type.
    """
    problems = [_unknown(name, root.inputs) for name in given if name not in root.inputs]
    values: dict[str, JsonValue] = {}
    for name, parameter in root.inputs.items():
        if name in given:
            try:
                values[name] = parameter_types.from_text(given[name], parameter.type)
            except ValueError as error:
                problems.append(f"parameter '{name}': {error}")
            else:
                problems.extend(_not_allowed(name, values[name], parameter))
        elif parameter.default is not ABSENT:
            values[name] = parameter_types.convert(parameter.default, parameter.type)
        elif not parameter.optional:
            kind = parameter_types.NAMES.get(parameter.type, str(parameter.type))
            problems.append(f"parameter '{name}' is missing ({kind})")
    if problems:
        raise InputError("; ".join(problems), remedy="set parameters by -p name=value")
    return values


def _unknown(name: str, declared: Mapping[str, InputParameter]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, declared, n=1)
    if close:
        return f"unknown parameter '{name}' (did you mean '{close[0]}'?)"
    known = ", ".join(declared) or "none"
    return f"unknown parameter '{name}' (the pipeline has: {known})"


def _not_allowed(name: str, value: JsonValue, parameter: InputParameter) -> list[str]:
    if parameter.literals and value not in parameter.literals:
        allowed = ", ".join(parameter_types.to_text(literal) for literal in parameter.literals)
        return [f"parameter '{name}': expected one of {allowed}, got {parameter_types.to_text(value)}"]
    return []
