"""Tasks of a run as people name them: by their path, that without the indices of loops, or its last part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stepcache.errors import InputError

if TYPE_CHECKING:
    from stepcache.stores.runs import TaskRow

_INDEX = re.compile(r"\[[0-9]+\]")


def resolve(reference: str, tasks: Sequence[TaskRow]) -> TaskRow:
    """The task that ``reference`` names. Raises InputError when none is, or more than one."""
    for names in (lambda name: name, lambda name: _INDEX.sub("", name), lambda name: name.rpartition("/")[2]):
        found = [task for task in tasks if names(task.name) == reference]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(task.name for task in found[:5])
            raise InputError(f"'{reference}' may be any of {listed}", remedy="give the full path of the task")
    from difflib import get_close_matches

    close = get_close_matches(reference, [task.name for task in tasks], n=3, cutoff=0.4)
    remedy = f"did you mean {', '.join(close)}?" if close else "leave the task out to see all of the run"
    raise InputError(f"the run has no task '{reference}'", remedy=remedy)
