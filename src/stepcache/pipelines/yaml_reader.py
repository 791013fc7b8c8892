"""YAML as JSON values, within bounds that a document of a few bytes cannot exceed.

PyYAML's own loaders expand merge keys without end, recurse as deep as a document says, and let the last of two
equal keys win, which KFP's server refuses. So the values are built here, from libyaml's events, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from stepcache.pipelines import yaml_scalars
from stepcache.pipelines.yaml_scalars import Schema, shown

LARGEST_COUNT = 1_000_000
"""How many values a document may have, aliases expanded. A pipeline of 1,000 tasks has 100,000."""
DEEPEST = 100
"""How many levels a document may have: the limit of protobuf's messages. Compiled pipelines have about 20."""

_NONE: Any = object()
"""No key has been read yet."""
_MERGE: Any = object()
"""Stands for the key ``<<``, whose value's members become members of the mapping."""
_COLLECTION_TAGS = {None, "!", f"{yaml_scalars.TAG}map", f"{yaml_scalars.TAG}seq"}


class YAMLError(ValueError):
    """A text is no YAML, or holds what JSON does not, or too much. ``line`` counts from 1; 0: unknown."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def read(text: str, schema: Schema) -> list[Any]:
    """Every document of ``text``; an empty one is None. Raises YAMLError.

    Keys are text as written. What an alias refers to is shared, not copied: do not change what is returned.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(_Reader(schema).documents(yaml.parse(text, Loader=loader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
        raise YAMLError(problem, 0 if mark is None else mark.line + 1) from error


class _Anchor(NamedTuple):
    value: Any
    size: int
    """How many values it has; 0 while it is being read."""


class _Collection:
    """A mapping or a sequence while its members are read."""

    __slots__ = ("anchor", "before", "key", "merged", "value")

    def __init__(self, value: Any, anchor: str | None, before: int) -> None:
        self.value = value
        self.anchor = anchor
        self.before = before
        """How many values the document had before this one."""
        self.key: Any = _NONE
        self.merged: list[dict[str, Any]] = []

    @property
    def needs_key(self) -> bool:
        return self.key is _NONE and isinstance(self.value, dict)


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self._scalar = yaml_scalars.reader(schema)
        self._count = 0
        self._anchors: dict[str, _Anchor] = {}
        self._open: list[_Collection] = []
        self._document: Any = None

    def documents(self, events: Iterator[Any]) -> Iterator[Any]:
        handlers: dict[str, Callable[[Any], None]] = {
            "ScalarEvent": self._read_scalar,
            "MappingStartEvent": lambda event: self._start({}, event),
            "SequenceStartEvent": lambda event: self._start([], event),
            "MappingEndEvent": self._end,
            "SequenceEndEvent": self._end,
            "AliasEvent": self._read_alias,
        }
        for event in events:
            kind = type(event).__name__
            if kind in handlers:
                handlers[kind](event)
            elif kind == "DocumentEndEvent":
                yield self._document
                self._document = None
                self._anchors.clear()

    def _read_scalar(self, event: Any) -> None:
        self._count_values(1, event)
        if self._open and self._open[-1].needs_key:
            value = event.value
            self._set_key(self._open[-1], _MERGE if value == "<<" and event.implicit[0] else value, event)
        else:
            try:
                value = self._scalar(event.value, event.tag, event.implicit[0])
            except ValueError as error:
                raise YAMLError(str(error), _line(event)) from None
            self._add(value, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value, 1)

    def _read_alias(self, event: Any) -> None:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise YAMLError(f"the alias '*{shown(event.anchor)}' refers to nothing before it", _line(event))
        if anchor.size == 0:
            raise YAMLError(f"the alias '*{shown(event.anchor)}' refers to what it is a part of", _line(event))
        self._count_values(anchor.size, event)
        self._add(anchor.value, event)

    def _start(self, value: dict[str, Any] | list[Any], event: Any) -> None:
        if event.tag not in _COLLECTION_TAGS:
            raise YAMLError(f"the tag '{shown(event.tag)}' is none of JSON's types", _line(event))
        if len(self._open) == DEEPEST:
            raise YAMLError(f"more than {DEEPEST} levels inside one another", _line(event))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value, 0)
        self._open.append(_Collection(value, event.anchor, self._count))
        self._count_values(1, event)

    def _end(self, event: Any) -> None:
        ended = self._open.pop()
        for mapping in ended.merged:
            self._count_values(len(mapping), event)
            for key, value in mapping.items():
                ended.value.setdefault(key, value)
        if ended.anchor is not None:
            self._anchors[ended.anchor] = _Anchor(ended.value, self._count - ended.before)
        self._add(ended.value, event)

    def _add(self, value: Any, event: Any) -> None:
        parent = self._open[-1] if self._open else None
        if parent is None:
            self._document = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.needs_key:
            self._set_key(parent, value, event)
        else:
            if parent.key is _MERGE:
                parent.merged.extend(_mappings(value, event))
            else:
                parent.value[parent.key] = value
            parent.key = _NONE

    def _set_key(self, mapping: _Collection, key: Any, event: Any) -> None:
        if key is not _MERGE and not isinstance(key, str):
            raise YAMLError("a key is not a text", _line(event))
        if key in mapping.value:
            raise YAMLError(f"the key '{shown(key)}' is there twice", _line(event))
        mapping.key = key

    def _count_values(self, size: int, event: Any) -> None:
        self._count += size
        if self._count > LARGEST_COUNT:
            raise YAMLError(f"more than {LARGEST_COUNT:,} values", _line(event))


def _mappings(value: Any, event: Any) -> list[dict[str, Any]]:
    """What ``<<`` merges: one mapping, or several of which the first counts most."""
    mappings = value if isinstance(value, list) else [value]
    if not all(isinstance(mapping, dict) for mapping in mappings):
        raise YAMLError("'<<' merges what is no mapping", _line(event))
    return mappings


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
