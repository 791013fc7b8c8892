"""Which task made an artifact, found by its digest: of a task that was reused nothing else is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.provenance import Origin
from stepcache.stores.runs import TaskRow

_Outputs = Mapping[str, frozenset[Origin]]


@dataclass(frozen=True, slots=True)
class Makers:
    """The outputs of two runs that hold each digest."""

    old: _Outputs
    new: _Outputs

    @classmethod
    def of(cls, old: Iterable[TaskRow], new: Iterable[TaskRow]) -> Self:
        """Those of the tasks of two runs."""
        return cls(_outputs(old), _outputs(new))

    def complete(self, difference: Difference) -> Difference:
        """The difference, with its origin if it has none and one output only held the old and the new content."""
        if difference.part is not Part.INPUT or difference.origin is not None:
            return difference
        both = self._holding(self.old, difference.old) & self._holding(self.new, difference.new)
        return replace(difference, origin=next(iter(both))) if len(both) == 1 else difference

    @staticmethod
    def _holding(outputs: _Outputs, digest: object) -> frozenset[Origin]:
        return outputs.get(digest, frozenset()) if isinstance(digest, str) else frozenset()


def _outputs(tasks: Iterable[TaskRow]) -> dict[str, frozenset[Origin]]:
    found: dict[str, frozenset[Origin]] = {}
    for task in tasks:
        if task.result == "none":  # a DAG has the outputs of the tasks in it
            continue
        for name, items in (json.loads(task.outputs).get("artifacts") or {}).items():
            for item in items:
                digest = (item.get("content") or {}).get("digest", "")
                found[digest] = found.get(digest, frozenset()) | {Origin(name, task.name)}
    return found
