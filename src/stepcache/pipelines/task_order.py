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
    listed = list(records)
    positions = {record.name: record.position for record in listed}
    places: dict[str, tuple[int, ...]] = {"": ()}
    return sorted(listed, key=lambda record: _place(record.name, positions, places))


def depth(name: str) -> int:
    """How many DAGs and loops a task is inside of."""
    return len(_STEP.findall(name)) - 1


def _place(name: str, positions: dict[str, int], places: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The numbers to sort by, one for each step of the path; ``places`` are those found before."""
    place = places.get(name)
    if place is None:
        iteration = _ITERATION.fullmatch(name) if name.endswith("]") else None
        if iteration is None:
            outer, number = name.rpartition("/")[0], positions.get(name, 0)
        else:
            outer, number = iteration["loop"], int(iteration["index"])
        place = places[name] = (*_place(outer, positions, places), number)
    return place
