"""A part of a value: ``parameterExpressionSelector`` of a task's input, as ``parseJson(string_value)["name"]``.

Rules: ``Select`` in ``backend/src/v2/expression/expression.go`` and ``PBValueToText`` in
``backend/src/common/util`` of kubeflow/pipelines.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepcache.keys import go_json
from stepcache.pipelines.expression import Answer, Environment, as_cel, require_unicode, shown
from stepcache.pipelines.model import JsonValue

if TYPE_CHECKING:
    from cel_expr_python import cel

_JSON_TYPES = ("BOOL", "INT", "UINT", "DOUBLE", "STRING", "LIST", "MAP")


def select(selector: str, value: JsonValue) -> JsonValue:
    """What ``selector`` makes of ``value``, before it is converted to the type of the input it is for.

    The selector sees the value as its own kind (``number_value``, ``bool_value``, ``struct_value``, ``list_value``,
    or ``null_value``, which is 0) and, whatever its kind, as text in ``string_value``. Whole numbers come back as
    int, as a reader of KFP's own JSON sees them.

    Raises ValueError, with a sentence for people, for a selector that is no CEL, uses names or types that do not
    fit, finds a key missing, or comes to an error, to null or to anything else that KFP does not pass on.
    """
    try:
        return _plain(_ENVIRONMENT.evaluate(selector, _values(value)))
    except ValueError as error:
        raise ValueError(f"the expression {shown(selector)} cannot be applied: {error}") from None


def to_text(value: JsonValue) -> str:
    """A value as KFP's driver writes it as text: null is empty, numbers have no exponent, the rest is Go's JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        from decimal import Decimal

        return format(Decimal(repr(float(value))), "f").removesuffix(".0")
    return go_json.encode(value).decode()


def _declare() -> tuple[Any, dict[str, cel.Type]]:
    """The members of ``google.protobuf.Value``. The text is a message since the library cuts a str at a NUL."""
    from cel_expr_python import cel

    types = cel.Type
    return None, {
        "null_value": types.INT,
        "number_value": types.DOUBLE,
        "string_value": types("google.protobuf.StringValue"),
        "bool_value": types.BOOL,
        "struct_value": types.Map(types.STRING, types.DYN),
        "list_value": types.List(types.DYN),
    }


def _values(value: JsonValue) -> dict[str, Any]:
    from google.protobuf import wrappers_pb2

    values = {_kind(value): 0 if value is None else as_cel(value)}
    text = to_text(value)
    require_unicode(text)
    return values | {"string_value": wrappers_pb2.StringValue(value=text)}


def _kind(value: JsonValue) -> str:
    if value is None:
        return "null_value"
    if isinstance(value, bool):
        return "bool_value"
    if isinstance(value, str):
        return "string_value"
    if isinstance(value, int | float):
        return "number_value"
    return "struct_value" if isinstance(value, Mapping) else "list_value"


def _plain(answer: Answer) -> JsonValue:
    """The answer as JSON: bytes as base64, every number a float64 written and read again."""
    if answer.type == "BYTES":
        return base64.b64encode(answer.value).decode()
    if answer.type.partition("<")[0] not in _JSON_TYPES:
        raise ValueError(f"it comes to {answer.type.lower()}, which is not passed on to a task")
    try:
        return json.loads(go_json.encode(answer.value))
    except (TypeError, RecursionError):
        raise ValueError(f"it comes to {answer.type.lower()} with a member that is no JSON value") from None


_ENVIRONMENT = Environment(_declare)
