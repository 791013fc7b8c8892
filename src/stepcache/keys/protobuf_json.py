"""A document in protobuf JSON as Go's ``protojson`` reads and prints it again.

Source: protobuf-go, encoding/protojson/decode.go, encode.go, well_known_types.go and internal/encoding/json.
"""

from __future__ import annotations

import re
from typing import Any

from stepcache.keys.cache_key import Field, Kind, Message, Shape
from stepcache.keys.go_json import GoJSONError, format_number, parse_number
from stepcache.keys.json_reader import NUMBER, Dialect, read
from stepcache.keys.protobuf_integer import parse_int64

# The tokenizer of protobuf-go takes an exponent without digits, which integers read as an exponent of 0.
_TOKEN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]*)?")
_SPECIAL = ("NaN", "Infinity", "-Infinity")


class Number:
    """A number as it was written: how it is read depends on its field."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def double(self) -> float:
        """Its value as float64. Raises GoJSONError when it is beyond that."""
        return parse_number(self.text)


def reprint(document: str, message: Message) -> Any:
    """What protojson prints for ``document`` read as ``message``: dicts, lists, strings, Numbers, booleans, None.

    Fields without value are left out. Raises GoJSONError for what protojson refuses: unknown or duplicate fields
    or map keys, wrong types, a second field of a oneof, null in a list or as the value of a map; and for more than
    10,000 nested containers, as ``encoding/json`` does with the printed text. Two checks are left to whoever
    writes the result: numbers inside a Value (``format_double`` refuses those beyond float64), and half a
    surrogate pair (which cannot be encoded).
    """
    return _message(read(document, _PROTOJSON), message)


def format_double(number: Any) -> str:
    """A Number as Go's ``encoding/json`` prints it."""
    return format_number(number.double())


def _members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(members)
    if len(result) != len(members):
        raise GoJSONError("a duplicate field or map key")
    return result


_PROTOJSON = Dialect(number=Number, members=_members, numbers=_TOKEN)


def _message(value: Any, message: Message) -> dict[str, Any]:
    result: dict[str, Any] = {}
    seen: set[str] = set()
    oneofs: set[str] = set()
    for name, item in _object(value, message.name).items():
        field = message.fields.get(name)
        if field is None:
            raise GoJSONError(f"{message.name} has no field {name!a}")
        if field.name in seen:
            raise GoJSONError(f"the duplicate field {name!a}")
        seen.add(field.name)
        if item is None:  # no field here is a singular Value, for which null would be a value
            continue
        if field.oneof:
            if field.oneof in oneofs:
                raise GoJSONError(f"a second field of the oneof {field.oneof!r}: {name!a}")
            oneofs.add(field.oneof)
        printed = _field(item, field)
        if printed or field.has_presence or (field.shape is Shape.SINGULAR and field.kind in _MESSAGES):
            result[field.json_name] = printed
    return result


_MESSAGES = (Kind.MESSAGE, Kind.STRUCT)


def _field(value: Any, field: Field) -> Any:
    if field.shape is Shape.MAP:
        return {key: _single(item, field) for key, item in _object(value, field.name).items()}
    if field.shape is Shape.REPEATED:
        if not isinstance(value, list):
            raise GoJSONError(f"{field.name} is a list, not {_kind(value)}")
        return [_single(item, field) for item in value]
    return _single(value, field)


def _single(value: Any, field: Field) -> Any:
    match field.kind:
        case Kind.MESSAGE if field.message:
            return _message(value, field.message)
        case Kind.STRUCT:
            return _object(value, field.name)
        case Kind.STRING if isinstance(value, str):
            return value
        case Kind.INT64:
            return _int64(value, field)
        case Kind.DOUBLE:
            return _double(value, field)
        case Kind.VALUE:
            return value
    raise GoJSONError(f"{field.name} does not take {_kind(value)}")


def _int64(value: Any, field: Field) -> str:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = Number(value)
    number = parse_int64(value.text) if isinstance(value, Number) else None
    if number is None:
        raise GoJSONError(f"{field.name} does not take {_kind(value)}")
    return str(number)


def _double(value: Any, field: Field) -> Any:
    if isinstance(value, str):
        if value in _SPECIAL:
            return value
        if NUMBER.fullmatch(value):
            value = Number(value)
    if not isinstance(value, Number):
        raise GoJSONError(f"{field.name} does not take {_kind(value)}")
    return value


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GoJSONError(f"{what} is an object, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, Number):
        return f"the number {value.text[:40]}"
    if isinstance(value, str):
        return f"the string {value[:40]!a}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "an object" if isinstance(value, dict) else "a list"
