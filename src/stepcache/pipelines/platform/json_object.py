"""A JSON object of a platform spec, read field by field.

A field's name may be in either form of protobuf's JSON: ``secretAsEnv`` or ``secret_as_env``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stepcache.pipelines.model import JsonValue


class JsonObject:
    """A JSON object that is read field by field; what is wrong with it is noted, not raised."""

    def __init__(self, document: JsonValue, place: str, problems: list[str]) -> None:
        self._place = place
        self._problems = problems
        if not isinstance(document, Mapping):
            self.refuse("is no JSON object")
            document = {}
        self._document = document
        self.fields: Mapping[str, JsonValue] = {_camel_case(name): value for name, value in document.items()}

    def refuse(self, problem: str) -> None:
        """Note what is wrong: the end of a sentence that begins with the object's place."""
        self._problems.append(f"{self._place} {problem}")

    def items(self) -> Iterable[tuple[str, JsonValue]]:
        """The entries, under the names they have: of a map, not of fields."""
        return list(self._document.items())

    def object(self, name: str) -> JsonObject:
        """The object in this field; an empty one when there is none."""
        return JsonObject(self._field(name, {}), f"{name} of {self._place}", self._problems)

    def objects(self, name: str) -> list[JsonObject]:
        """The objects in this field."""
        items = self._field(name, [])
        if not isinstance(items, list):
            self.refuse(f"has a '{name}' that is no list")
            return []
        return [JsonObject(item, f"{name} of {self._place}", self._problems) for item in items]

    def text(self, name: str, *, needed: bool = False) -> str:
        """The text in this field; empty when there is none, which is wrong if it is needed."""
        value = self._typed(name, "", lambda value: isinstance(value, str), "text")
        if needed and not value:
            self.refuse(f"has no '{name}'")
        return str(value)

    def texts(self, name: str) -> dict[str, str]:
        """The texts by name in this field."""
        value = self._typed(name, {}, _is_text_map, "map of texts")
        return dict(value)

    def several_texts(self, name: str) -> list[str]:
        """The list of texts in this field."""
        return list(self._typed(name, [], _is_text_list, "list of texts"))

    def choice(self, name: str) -> bool | None:
        """True, false, or not said."""
        return None if self.fields.get(name) is None else self.flag(name)

    def flag(self, name: str) -> bool:
        """Whether this field says yes."""
        return bool(self._typed(name, False, lambda value: isinstance(value, bool), "truth value"))

    def number(self, name: str) -> float:
        """The whole number in this field; 0 when there is none."""
        return float(self.whole(name) or 0)

    def whole(self, name: str) -> int | None:
        """The whole number in this field; None when there is none."""
        value = self._typed(name, None, _is_whole, "whole number")
        return None if value is None else int(value)

    def _typed(self, name: str, default: Any, fits: Callable[[JsonValue], bool], kind: str) -> Any:
        value = self._field(name, default)
        if value is default or fits(value):
            return value
        self.refuse(f"has a '{name}' that is no {kind}")
        return default

    def _field(self, name: str, default: Any) -> Any:
        value = self.fields.get(name)
        return default if value is None else value


def _is_whole(value: JsonValue) -> bool:
    """An int64 is a text in protobuf's JSON, and a double within a ``Struct``."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d{1,19}", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()


def _is_text_map(value: JsonValue) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())


def _is_text_list(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
