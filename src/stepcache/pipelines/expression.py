"""One evaluation of an expression in CEL (Common Expression Language), in the environment its caller declares.

KFP's driver uses cel-go with its standard functions and one more, ``parseJson``. Here it is CEL's C++
implementation (decision note of 2026-11-25), which checks types before it evaluates, as cel-go does; what KFP's
compiler writes gets the same answer from both.

Rules: ``backend/src/v2/expression/expression.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stepcache.keys import go_json
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import JsonValue

if TYPE_CHECKING:
    from cel_expr_python import cel

_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_PLACE = re.compile(r"^ERROR: <input>:(?P<line>-?\d+):(?P<character>-?\d+): ")
_REWORDINGS = (
    (re.compile(r'Key not found in map : "?(.*?)"?'), r"there is no value named '\1'"),
    (re.compile(r'No value with name "(.*)" found in Activation'), r"the value has no '\1'"),
    (re.compile(r"No matching overloads found : _(\S+)_\((\w+), (\w+)\)"), r"'\1' does not take \2 and \3"),
    (re.compile(r"No matching overloads found : (.*)"), r"'\1' is not defined"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression came to. ``type`` is CEL's name of its type, such as ``BOOL`` or ``LIST<DYN>``."""

    value: Any
    type: str


class Environment:
    """The variables that expressions may use, with their types. Expressions are checked against them first."""

    def __init__(self, declare: Callable[[], tuple[Any, Mapping[str, cel.Type]]]) -> None:
        self._declare = declare
        self._environment: cel.Env | None = None

    def evaluate(self, expression: str, values: Mapping[str, Any]) -> Answer:
        """What ``expression`` comes to. Values from outside must have been through ``as_cel``.

        Raises ValueError, which says what is wrong, for a syntax error, a name or types that do not fit, a key that
        is missing, and whatever else CEL calls an error.
        """
        require_unicode(expression)
        try:
            result = self._opened().compile(expression).eval(data=values)
            answer = Answer(result.plain_value(), result.type().name())
        except (RuntimeError, RecursionError) as error:
            raise ValueError(_reason(str(error))) from None
        if answer.type == "ERROR":
            raise ValueError(_reason(answer.value))
        return answer

    def _opened(self) -> cel.Env:
        if self._environment is None:
            from cel_expr_python import cel

            pool, variables = self._declare()
            parse = cel.Overload("parse_json", cel.Type.DYN, [cel.Type.STRING], is_member=False, impl=_parse_json)
            self._environment = cel.NewEnv(
                pool, variables=variables, functions=[cel.FunctionDecl("parseJson", [parse])]
            )
        return self._environment


def as_cel(value: JsonValue) -> Any:
    """``value`` as KFP hands it to CEL, where every number of a parameter is a float (``google.protobuf.Value``).

    Raises ValueError for half a surrogate pair, a NUL in a name, a number beyond float64, and nesting as deep as
    Python's recursion.
    """
    try:
        return _converted(value)
    except RecursionError:
        raise ValueError("a value is nested too deeply") from None
    except OverflowError:
        raise ValueError("a number is beyond the range of float64") from None


def require_unicode(text: str) -> None:
    """Raise ValueError when ``text`` holds half a surrogate pair, which no protobuf message can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half a surrogate pair") from None


def shown(expression: str) -> str:
    """An expression as it stands in a sentence for people: one line, not too long, half surrogate pairs escaped."""
    line = " ".join(expression.split()).encode(errors="backslashreplace").decode()
    return f"`{line if len(line) <= 200 else line[:199] + '…'}`"


def _converted(value: JsonValue) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, Mapping):
        return {_name(name): _converted(member) for name, member in value.items()}
    return [_converted(member) for member in value]


def _text(text: str) -> Any:
    """The library cuts a str at its first NUL, but not a message: CEL unwraps both to the same string."""
    require_unicode(text)
    if "\0" not in text:
        return text
    from google.protobuf import struct_pb2

    return struct_pb2.Value(string_value=text)


def _name(name: str) -> str:
    require_unicode(name)
    if "\0" in name:
        raise ValueError("a name holds a NUL character")
    return name


def _parse_json(text: str) -> Any:
    """``parseJson``: as Go reads JSON, so numbers are floats and the last of duplicate members wins."""
    return as_cel(go_json.decode(text))


def _reason(error: str) -> str:
    """The library's first message without its codes and its drawing of the place."""
    message = _CODE.sub("", error.partition("\n")[0])
    place = _PLACE.match(message)
    message = message[place.end() :] if place else message
    message = message.removesuffix(" (in container '')").strip()
    for pattern, rewording in _REWORDINGS:
        match = pattern.fullmatch(message)
        if match:
            return match.expand(rewording)
    if place and int(place["line"]) > 0:
        return f"{message} (line {place['line']}, character {place['character']})"
    return message
