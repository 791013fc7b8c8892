"""Which of the executions of a component before is nearest to one that is to be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepcache.keys.json_writer import write
from stepcache.keys.strict import format_exactly
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An execution, by its number in a list with the most recent first."""

    number: int
    key: str
    parts: Mapping[str, str]
    """What ``flat`` made of the parts."""


def flat(parts: Mapping[str, Any]) -> dict[str, str]:
    """The parts as texts by name, each of which counts for one."""
    found: dict[str, str] = {}
    for name, value in parts.items():
        if name == "masked_by":
            continue
        members = value.items() if isinstance(value, dict) else [("", value)]
        found |= {f"{name}.{member}": write(item, format_exactly) for member, item in members}
    return found


def distance(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """How many parts differ."""
    return sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())


def nearest(key: str, parts: Mapping[str, str], candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate under another key with the fewest parts that differ, of several the most recent."""
    others = [candidate for candidate in candidates if candidate.key != key]
    return min(others, key=lambda one: (distance(parts, one.parts), one.number), default=None)
