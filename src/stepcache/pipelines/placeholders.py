"""KFP's placeholders, ``{{$…}}``, inside constants and commands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.parameter_types import to_text

EXECUTOR_INPUT = "{{$}}"
"""Stands for the whole executor input as JSON."""

_INPUT_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\[(['\"])(?P<name>[^'\"\]]+)\1\]\}\}")
_RUN = re.compile(r"\{\{\$\.(?P<name>[a-z_]+)\}\}")


def resolve_constant(value: JsonValue, parameters: Mapping[str, JsonValue], run: Mapping[str, str]) -> JsonValue:
    """A constant with the placeholders of its text replaced: inputs of the same task, and facts of the run.

    Raises ValueError for an input that the task does not have.
    """
    if not isinstance(value, str) or "{{$" not in value:
        return value
    whole = _INPUT_PARAMETER.fullmatch(value)
    if whole is not None:
        return _input(whole["name"], parameters)
    text = _INPUT_PARAMETER.sub(lambda match: to_text(_input(match["name"], parameters)), value)
    return _RUN.sub(lambda match: run.get(match["name"], match[0]), text)


def inputs_in(value: JsonValue) -> set[str]:
    """The input parameters of the same task that a constant refers to."""
    return {match["name"] for match in _INPUT_PARAMETER.finditer(value)} if isinstance(value, str) else set()


def _input(name: str, parameters: Mapping[str, JsonValue]) -> JsonValue:
    if name not in parameters:
        raise ValueError(f"a constant refers to the input parameter '{name}', which has no value")
    return parameters[name]
