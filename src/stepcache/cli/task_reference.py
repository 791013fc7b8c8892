"""The argument ``TASK``: a task's full path, or its last part if no other task of the run has it."""

from __future__ import annotations

from collections.abc import Iterable

_CANDIDATES = 8


def find(names: Iterable[str], text: str, where: str) -> str:
    """The one of ``names`` that ``text`` names; ``where`` is what they are the tasks of, for errors.

    Raises InputError, with the candidates, unless it names exactly one.
    """
    from difflib import get_close_matches

    from stepcache.errors import InputError

    listed = list(names)
    if text in listed:
        return text
    found = [name for name in listed if name.rpartition("/")[2] == text]
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
