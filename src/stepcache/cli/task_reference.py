"""The argument ``TASK``: a task's full path, or, if that names one task only, its path without the indices of loops
or the last part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepcache.stores.runs import TaskRow

_CANDIDATES = 8
_INDEX = re.compile(r"\[[0-9]+\]")
_SHORT: tuple[Callable[[str], str], ...] = (
    lambda name: _INDEX.sub("", name),
    lambda name: name.rpartition("/")[2],
    lambda name: _INDEX.sub("", name.rpartition("/")[2]),
)
"""What a task may be called beside its path, the more telling first."""


def resolve(text: str, tasks: Sequence[TaskRow]) -> TaskRow:
    """The one of ``tasks``, which are of one run, that ``text`` names. Raises InputError as ``find`` does."""
    named = {task.name: task for task in tasks}
    return named[find(named, text, f"run {tasks[0].run_id}" if tasks else "the run")]


def find(names: Iterable[str], text: str, where: str) -> str:
    """The one of ``names`` that ``text`` names; ``where`` is what they are the tasks of, for errors.

    Raises InputError, with the candidates, unless it names exactly one.
    """
    from difflib import get_close_matches

    from stepcache.errors import InputError

    listed = list(names)
    if text in listed:
        return text
    for short in _SHORT:
        found = [name for name in listed if short(name) == text]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{where} has several tasks '{text}': {_listed(found)}", remedy="give the whole path")
    last_parts = {name.rpartition("/")[2]: name for name in listed}
    close = get_close_matches(text, [*listed, *last_parts], n=1)
    if close:
        raise InputError(f"{where} has no task '{text}'", remedy=f"did you mean '{close[0]}'?")
    raise InputError(f"{where} has no task '{text}'", remedy=f"it has: {_listed(listed) or 'none'}")


def _listed(names: list[str]) -> str:
    return ", ".join([*names[:_CANDIDATES], "…"] if len(names) > _CANDIDATES else names)
