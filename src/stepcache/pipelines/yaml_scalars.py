"""What the single words and texts of a YAML document stand for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

TAG = "tag:yaml.org,2002:"
"""What YAML's own tags begin with; ``!!int`` is short for it and ``int``."""

Patterns = dict[str, list[tuple[str, re.Pattern[str]]]]
"""By a word's first character: which kind it is if it matches."""
Construct = Callable[[str], Any]


class Schema(Enum):
    """Which values the plain words of a document stand for."""

    SDK = "YAML 1.1 as PyYAML reads it, by which the KFP SDK writes its files; but dates stay text"
    CORE = "YAML 1.2's core schema, of which JSON is a part: what people expect who write a file by hand"


@cache
def reader(schema: Schema) -> Callable[[str, str | None, bool], Any]:
    """What makes the value of a scalar from its text, its tag and whether it is plain, that is, not in quotes.

    The value is None, a bool, an int or a float in the range of doubles, or a str. It raises ValueError, with a
    sentence for people, for any other tag and for a text that its tag does not fit.
    """
    patterns = _sdk_patterns() if schema is Schema.SDK else _core_patterns()
    constructors = _constructors(schema)

    def read(text: str, tag: str | None, plain: bool) -> Any:
        if tag is None:
            kind = _kind(text, patterns) if plain else "str"
        else:
            kind = "str" if tag == "!" else tag.removeprefix(TAG)
        if kind in {"str", "timestamp"}:
            return text
        construct = constructors.get(kind)
        if construct is None:
            raise ValueError(f"the tag '{shown(tag or kind)}' is none of JSON's types")
        try:
            return construct(text)
        except (ValueError, KeyError, IndexError):
            raise ValueError(f"'{shown(text)}' is no value of JSON") from None

    return read


def is_double(number: float) -> bool:
    """Whether a number is finite, and within the range of doubles: KFP's numbers have no other."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def shown(text: str) -> str:
    """``text`` as errors show it: in one line that has room for it, and without a terminal's control characters."""
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return text if text.isprintable() else ascii(text)[1:-1]


def _kind(text: str, patterns: Patterns) -> str:
    for kind, pattern in patterns.get(text[:1], ()):
        if pattern.match(text):
            return kind
    return "str"


def _sdk_patterns() -> Patterns:
    import yaml

    known = {f"{TAG}{kind}" for kind in ("bool", "int", "float", "null")}
    return {
        first: [(tag.removeprefix(TAG), pattern) for tag, pattern in resolvers if tag in known]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_CORE = (
    ("null", "~nN", r"(?:~|null|Null|NULL)\Z"),
    ("bool", "tTfF", r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    ("int", "-+0123456789", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    ("float", "-+.0123456789", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
    ("float", "-+.", r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"),
)
"""A kind, the characters that its words begin with, and their form."""


def _core_patterns() -> Patterns:
    patterns: Patterns = {"": [("null", re.compile(r"\Z"))]}
    for kind, firsts, form in _CORE:
        for first in firsts:
            patterns.setdefault(first, []).append((kind, re.compile(form)))
    return patterns


def _constructors(schema: Schema) -> dict[str, Construct]:
    integer, number = (_sdk("int"), _sdk("float")) if schema is Schema.SDK else (_core_integer, float)
    return {
        "null": lambda _: None,
        "bool": _boolean,
        "int": lambda text: _in_range(integer(text)),
        "float": lambda text: _in_range(number(text)),
    }


def _sdk(kind: str) -> Construct:
    """PyYAML's own reading of a number."""
    from yaml.constructor import SafeConstructor
    from yaml.nodes import ScalarNode

    construct = getattr(SafeConstructor(), f"construct_yaml_{kind}")
    return lambda text: construct(ScalarNode(f"{TAG}{kind}", text))


def _core_integer(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _boolean(text: str) -> bool:
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]


def _in_range(number: float) -> float:
    if not is_double(number):
        raise ValueError
    return number
