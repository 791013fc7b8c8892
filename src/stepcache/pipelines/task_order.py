"""The order in which people read the tasks of a run: each below the DAG or loop that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stepcache.pipelines.task_record import TaskRecord

_STEP = re.compile(r"\[(?P<index>[0-9]+)\]|/?[^/\[]+")


def in_order(records: Iterable[TaskRecord]) -> list[TaskRecord]:
    """The records, DAGs before what is in them, iterations by their index, the rest by position."""
    listed = list(records)
    positions = {record.name: record.position for record in listed}
    return sorted(listed, key=lambda record: _place(record.name, positions))


def depth(name: str) -> int:
    """How many DAGs and loops a task is inside of."""
    return len(_STEP.findall(name)) - 1


def _place(name: str, positions: dict[str, int]) -> list[int]:
    place = []
    for match in _STEP.finditer(name):
        index = match["index"]
        place.append(positions.get(name[: match.end()], 0) if index is None else int(index))
    return place
