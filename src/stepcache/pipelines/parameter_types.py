"""KFP's parameter types: from text, and from one JSON value to another.

Rules: ``backend/src/v2/driver/resolve.go`` (values between tasks) and ``backend/src/v2/metadata/converter.go``
(values written to files) of kubeflow/pipelines.
"""

from __future__ import annotations

import json
from typing import Any

from stepcache.pipelines.model import JsonValue, ParameterType

NAMES = {
    ParameterType.NUMBER_DOUBLE: "a number",
    ParameterType.NUMBER_INTEGER: "a whole number",
    ParameterType.STRING: "a text",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.LIST: "a JSON list",
    ParameterType.STRUCT: "a JSON object",
}
_LONGEST_SHOWN = 60
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


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
        parsed = json.loads(stripped, parse_constant=_refuse_constant)
    except ValueError:
        raise ValueError(_expected(kind, text)) from None
    return convert(parsed, kind)


def convert(value: JsonValue, kind: ParameterType) -> JsonValue:
    """``value`` as a parameter of this type: other types become a text's JSON, nothing else is converted.

    Raises ValueError, with a sentence that says what was expected.
    """
    if kind is ParameterType.STRING:
        return value if isinstance(value, str) else to_text(value)
    if kind is ParameterType.NUMBER_INTEGER and _is_number(value) and float(value).is_integer():
        return int(value)
    if kind is ParameterType.NUMBER_DOUBLE and _is_number(value):
        return float(value)
    if _matches(value, kind):
        return value
    raise ValueError(_expected(kind, value))


def to_text(value: JsonValue) -> str:
    """How a value reads inside a text: a text as it is, anything else as compact JSON, whole numbers without
    a fraction.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _matches(value: JsonValue, kind: ParameterType) -> bool:
    expected: dict[ParameterType, Any] = {
        ParameterType.BOOLEAN: bool,
        ParameterType.LIST: list,
        ParameterType.STRUCT: dict,
    }
    return kind not in NAMES or (kind in expected and isinstance(value, expected[kind]))


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _expected(kind: ParameterType, value: JsonValue) -> str:
    expected = f"expected {NAMES.get(kind, str(kind))}"
    shown = value if isinstance(value, str) else json.dumps(value)
    if len(shown) > _LONGEST_SHOWN:
        # Not a part of it: a secret in it would be cut, and not be recognized any more by who masks secrets.
        return f"{expected}, got {len(shown)} characters of something else"
    return f"{expected}, got {shown!r}" if isinstance(value, str) else f"{expected}, got {shown}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
