"""Outputs of two executions, compared by name, as rows keep them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.difference import same
from stepcache.pipelines.model import ABSENT, JsonValue


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """An output that differs: a value, or the digest of an artifact (its address where it has none)."""

    name: str
    old: JsonValue = ABSENT
    new: JsonValue = ABSENT

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/explain.md."""
        values = {"old": self.old, "new": self.new}
        return {"output": self.name} | {name: value for name, value in values.items() if value is not ABSENT}


def compare(old: str, new: str) -> tuple[OutputDifference, ...]:
    """The outputs that differ, by name; both are JSON texts of ``Values``."""
    before, after = _named(json.loads(old)), _named(json.loads(new))
    names = sorted(before.keys() | after.keys())
    pairs = [(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]
    found = []
    for name, one, other in pairs:
        if not same(one, other):
            shown = (ABSENT if value is ABSENT else _shown(value) for value in (one, other))
            found.append(OutputDifference(name, *shown))
    return tuple(found)


def holding(outputs: str, digest: str) -> str:
    """The name of the output with an artifact of this digest; empty if there is none."""
    artifacts = json.loads(outputs).get("artifacts") or {}
    return next((name for name, items in artifacts.items() if digest in map(_digest, items)), "")


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    artifacts = document.get("artifacts") or {}
    return {
        **(document.get("parameters") or {}),
        **{name: [_counting(item) for item in items] for name, items in artifacts.items()},
    }


def _counting(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two artifacts different."""
    content = artifact.get("content")
    where = {"digest": content["digest"]} if content else {"uri": artifact.get("uri", "")}
    return {**where, "metadata": artifact.get("metadata", {})}


def _shown(value: JsonValue) -> JsonValue:
    """An artifact by its digest or address; by all that counts where it has neither."""
    if not (isinstance(value, list) and value and all(isinstance(item, dict) for item in value)):
        return value
    if not all(set(item) in ({"digest", "metadata"}, {"uri", "metadata"}) for item in value):
        return value
    short = [item.get("digest") or item.get("uri") or item["metadata"] for item in value]
    return short[0] if len(short) == 1 else short


def _digest(artifact: Mapping[str, Any]) -> str:
    return str((artifact.get("content") or {}).get("digest", ""))
