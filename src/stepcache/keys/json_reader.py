"""JSON text as a value, by the grammar that Go's decoders share, at the depth that they allow.

What the decoders differ in (numbers, duplicate members) is a ``Dialect``. Shallow text is read by the standard
library's C code; deep text, and text that the C code refuses, by an iterative reader with the same answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import field
from itertools import accumulate
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in json, absent in typeshed
from typing import Any, Final

from stepcache.light_dataclasses import dataclass

MAXIMUM_DEPTH: Final = 10_000
"""Nested objects and arrays that Go reads; one more is an error (``maxNestingDepth`` in encoding/json/scanner.go,
``DefaultRecursionLimit`` in protobuf-go's protowire)."""

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

_SHALLOW = 200  # well below Python's own recursion limit, which the C code counts against
_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"true|false|null")
_LITERALS = {"true": True, "false": False, "null": None}
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_STEP = {"{": 1, "[": 1, "}": -1, "]": -1}


class GoJSONError(ValueError):
    """Go refuses this document. ``str()`` is one line that says why; the wording is ours, not Go's."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a decoder makes of numbers and of objects."""

    number: Callable[[str], Any]
    """Called with each number's text; raises GoJSONError for one that the decoder refuses."""
    members: Callable[[list[tuple[str, Any]]], Any]
    """Called with the members of each object, duplicates included, in the order of the text."""
    numbers: re.Pattern[str] = NUMBER
    """What counts as a number's text; nothing that JSON calls a number may be missing."""
    decoder: json.JSONDecoder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        decoder = json.JSONDecoder(
            object_pairs_hook=self.members,
            parse_float=self.number,
            parse_int=self.number,
            parse_constant=_refuse_constant,
        )
        object.__setattr__(self, "decoder", decoder)


def read(text: str, dialect: Dialect) -> Any:
    """The value of ``text``. Raises GoJSONError for what is not one JSON document, or too deep."""
    if _is_shallow(text):
        try:
            return dialect.decoder.decode(text)
        except (json.JSONDecodeError, RecursionError):
            pass  # read again below: for one wording of errors, for numbers of the dialect's own, at any depth
    return read_iteratively(text, dialect)


def read_iteratively(text: str, dialect: Dialect) -> Any:
    """As ``read``, without recursion and without the C code."""
    reader = _Reader(text, dialect)
    containers: list[list[Any]] = []  # an array's items, or an object's members
    names: list[str | None] = []  # for each container: the member whose value comes next; None in an array
    while True:
        opening = reader.opening()
        if opening:
            if len(containers) == MAXIMUM_DEPTH:
                raise GoJSONError(f"nested deeper than {MAXIMUM_DEPTH:,} levels")
            containers.append([])
            if not reader.take(_CLOSING[opening]):
                names.append(reader.name() if opening == "{" else None)
                continue
            value = dialect.members([]) if opening == "{" else []
            containers.pop()
        else:
            value = reader.scalar()
        while containers:  # a value is complete: it joins its container, which may complete that one
            name = names.pop()
            containers[-1].append(value if name is None else (name, value))
            if reader.take(","):
                names.append(None if name is None else reader.name())
                break
            reader.expect("]" if name is None else "}")
            value = containers.pop() if name is None else dialect.members(containers.pop())
        else:
            reader.end()
            return value


_CLOSING = {"{": "}", "[": "]"}


class _Reader:
    """A place in a text."""

    __slots__ = ("_dialect", "_position", "_text")

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text = text
        self._dialect = dialect
        self._position = 0

    def opening(self) -> str:
        """The bracket that starts here, passed over; empty if there is none."""
        bracket = self._next()
        if bracket not in _CLOSING:
            return ""
        self._position += 1
        return bracket

    def take(self, sign: str) -> bool:
        """Pass over ``sign`` if it is what comes next."""
        taken = self._next() == sign
        if taken:
            self._position += 1
        return taken

    def expect(self, sign: str) -> None:
        """Pass over ``sign``."""
        if not self.take(sign):
            raise self._unexpected(f"where ',' or '{sign}' should be" if sign in "]}" else f"instead of '{sign}'")

    def name(self) -> str:
        """The name of an object's member, and the colon behind it."""
        if self._next() != '"':
            raise self._unexpected("where a member's name should be")
        name = self._string()
        self.expect(":")
        return name

    def scalar(self) -> Any:
        """A value that is not a container."""
        if self._next() == '"':
            return self._string()
        match = _LITERAL.match(self._text, self._position)
        if match:
            self._position = match.end()
            return _LITERALS[match.group()]
        match = self._dialect.numbers.match(self._text, self._position)
        if not match:
            raise self._unexpected("where a value should be")
        self._position = match.end()
        return self._dialect.number(match.group())

    def end(self) -> None:
        """Nothing but space may be left."""
        if self._next():
            raise self._unexpected("after the document")

    def _next(self) -> str:
        space = _SPACE.match(self._text, self._position)
        if space:
            self._position = space.end()
        return self._text[self._position : self._position + 1]

    def _string(self) -> str:
        value: str
        try:
            value, self._position = scanstring(self._text, self._position + 1, True)
        except json.JSONDecodeError as error:
            raise GoJSONError(f"{error.msg.rstrip(': ').lower()}, at character {error.pos}") from None
        return value

    def _unexpected(self, where: str) -> GoJSONError:
        sign = self._text[self._position : self._position + 1]
        if not sign:
            return GoJSONError(f"the document ends {where}" if self._text.strip() else "the document is empty")
        return GoJSONError(f"unexpected {sign!a} {where}, at character {self._position}")


def _is_shallow(text: str) -> bool:
    """Whether the nesting is surely no deeper than ``_SHALLOW``; exact for valid JSON."""
    if text.count("{") + text.count("[") <= _SHALLOW:
        return True
    brackets = _NO_BRACKET.sub("", _STRING.sub("", text))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) <= _SHALLOW


def _refuse_constant(name: str) -> Any:
    raise GoJSONError(f"{name} is not JSON")
