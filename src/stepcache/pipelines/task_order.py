"""The order in which people read the tasks of a run: each below the DAG or loop that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

_ITERATION = re.compile(r"(?P<loop>.+)\[(?P<index>[0-9]+)\]", re.DOTALL)
_STEP = re.compile(r"\[(?P<index>[0-9]+)\]|/?[^/\[]+")


class Placed(Protocol):
    """A task of a run, or of a plan."""

    @property
    def name(self) -> str:
        """The full path, loop index included."""

    @property
    def position(self) -> int:
        """The order in which tasks began to be considered."""


Record = TypeVar("Record", bound=Placed)


def in_order(records: Iterable[Record]) -> list[Record]:
    """The records, DAGs before what is in them, iterations by their index, the rest by position."""
    below: dict[str, list[Record]] = {}
    for record in records:
        below.setdefault(_outer(record.name), []).append(record)
    names = {record.name for group in below.values() for record in group}
    # What is inside of something that is no record itself begins a tree of its own.
    pending = [record for outer in sorted(below.keys() - names) for record in sorted(below[outer], key=_rank)]
    pending.reverse()
    ordered = []
    while pending:
        record = pending.pop()
        ordered.append(record)
        inner = below.get(record.name)
        if inner is not None:
            pending += sorted(inner, key=_rank, reverse=True)
    return ordered


def depth(name: str) -> int:
    """How many DAGs and loops a task is inside of."""
    return len(_STEP.findall(name)) - 1


def _outer(name: str) -> str:
    """The path of what a task is inside of; empty for the root."""
    if name.endswith("]"):
        iteration = _ITERATION.fullmatch(name)
        if iteration is not None:
            return iteration["loop"]
    return name.rpartition("/")[0]


def _rank(record: Placed) -> int:
    """By what the tasks inside of one thing are in order."""
    if record.name.endswith("]"):
        iteration = _ITERATION.fullmatch(record.name)
        if iteration is not None:
            return int(iteration["index"])
    return record.position
