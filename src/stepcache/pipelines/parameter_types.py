"""KFP's parameter types: from text, and from one JSON value to another.

Rules: ``backend/src/v2/driver/resolve.go`` (values between tasks), ``backend/src/v2/metadata/converter.go`` (values
written to files) and ``backend/src/apiserver/template`` (values of a run) of kubeflow/pipelines. KFP keeps a value
as a protobuf ``Value``, whose numbers are doubles.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal

from stepcache.keys import go_json
from stepcache.pipelines.model import JsonValue, ParameterType

NAMES = {
    ParameterType.NUMBER_DOUBLE: "a number",
    ParameterType.NUMBER_INTEGER: "a whole number",
    ParameterType.STRING: "a text",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.LIST: "a JSON list",
    ParameterType.STRUCT: "a JSON object",
}
"""The types of values that people give; values of the others are made by KFP."""

_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_COLLECTIONS: dict[ParameterType, type] = {ParameterType.LIST: list, ParameterType.STRUCT: dict}


def from_text(text: str, kind: ParameterType) -> JsonValue:
    """The value that ``text`` stands for, as typed at a terminal or written to an output file.

    Raises ValueError, with a sentence that says what was expected.
    """
    if kind is ParameterType.STRING:
        return text
    stripped = text.strip()
    if kind is ParameterType.BOOLEAN:
        value = _BOOLEANS.get(stripped.lower())
        if value is None:
            raise ValueError(_expected(kind, text))
        return value
    try:
        return convert(_parsed(stripped, kind), kind)
    except (ValueError, RecursionError):
        raise ValueError(_expected(kind, text)) from None


def convert(value: JsonValue, kind: ParameterType) -> JsonValue:
    """``value`` as a parameter of this type: other types become a text's JSON, nothing else is converted.

    Raises ValueError, with a sentence that says what was expected.
    """
    if kind is ParameterType.STRING:
        return value if isinstance(value, str) else to_text(value)
    if kind is ParameterType.NUMBER_INTEGER and _is_whole(value):
        return int(value)
    if kind is ParameterType.NUMBER_DOUBLE and _is_number(value):
        return _double(value)
    if kind is ParameterType.BOOLEAN and isinstance(value, bool):
        return value
    if kind not in NAMES or (kind in _COLLECTIONS and isinstance(value, _COLLECTIONS[kind])):
        return value
    raise ValueError(_expected(kind, value))


def given(value: JsonValue, kind: ParameterType) -> JsonValue:
    """``value``, given by someone for a parameter of this type: of the very type, as KFP's server wants it.

    Stricter than ``convert``: a number is no text, and what KFP could not keep is refused rather than changed: a
    whole number that no double equals, and text that is not Unicode. Raises ValueError, with a sentence that says
    what was expected.
    """
    if kind is ParameterType.STRING and not isinstance(value, str):
        raise ValueError(f"{_expected(kind, value)}: put it in quotes")
    if kind is not ParameterType.NUMBER_DOUBLE:
        _check_kept(value)
    return convert(value, kind)


def to_text(value: JsonValue) -> str:
    """How a value reads inside a text (``PbValueToText``): a text as it is, null as nothing, a number in decimals
    without an exponent or a needless fraction, a list or an object as compact JSON with sorted keys.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    if isinstance(value, int | float):
        return str(value)
    return go_json.encode(value).decode()


def shown(value: JsonValue) -> str:
    """A value as errors show it: as JSON, a text in quotes. What a line has no room for is not shown at all: of a
    secret in it a part would be left, which whoever masks secrets in messages cannot find.
    """
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"a value of {len(text)} characters"


def _parsed(text: str, kind: ParameterType) -> JsonValue:
    if kind is ParameterType.NUMBER_INTEGER and _INTEGER.match(text):
        return int(text)  # as Go reads it: +5 and 007 are numbers, though not in JSON
    if kind is ParameterType.NUMBER_DOUBLE and _DECIMAL.match(text):
        return float(text)
    return json.loads(text, parse_constant=_refuse_constant)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: JsonValue) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _double(value: float) -> float:
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise ValueError(
            f"expected {NAMES[ParameterType.NUMBER_DOUBLE]} that a double can hold, got {shown(value)}"
        )
    return double


def _check_kept(value: JsonValue) -> None:
    """Raise ValueError when KFP could not keep what is in ``value``."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise ValueError(f"expected Unicode text, got {ascii(item)[:60]}") from None
        elif _is_number(item) and _double(item) != item and to_text(_double(item)) != str(item):
            raise ValueError(f"{shown(item)} is more exact than KFP's numbers, which are doubles: give it as text")


def _expected(kind: ParameterType, value: JsonValue) -> str:
    return f"expected {NAMES.get(kind, str(kind))}, got {shown(value)}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
