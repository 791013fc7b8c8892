"""The argument ``RUN``: a run's ID, the beginning of one, or ``latest``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepcache.stores.run_browsing import RunBrowsing
    from stepcache.stores.runs import RunRow

LATEST = "latest"
SHORTEST = 4
"""How many characters the beginning of an ID needs."""
_SHOWN = 8
_CANDIDATES = 5


def add_argument(parser: argparse.ArgumentParser, name: str = "run") -> None:
    """Have the command take a run."""
    from stepcache.cli import completers

    action = parser.add_argument(
        name, metavar=name.upper(), help=f"the ID of a run, its first characters (at least {SHORTEST}), or 'latest'"
    )
    completers.attach(action, completers.runs)


async def resolve(text: str, store: RunBrowsing) -> RunRow:
    """The run that ``text`` names. Raises InputError, with the candidates, unless it names exactly one."""
    from stepcache.errors import InputError

    if text == LATEST:
        newest = await store.find_runs(limit=1)
        if not newest:
            raise InputError("there is no run yet", remedy="stepcache run FILE; or name another --home or --store")
        return newest[0]
    found = await store.find_runs(prefix=text, limit=_CANDIDATES + 1) if text else ()
    exact = [run for run in found if run.run_id == text]
    if exact:
        return exact[0]
    if len(text) < SHORTEST:
        raise InputError(
            f"'{text}' is too short to name a run",
            remedy=f"give at least {SHORTEST} characters of its ID, or 'latest'; 'stepcache runs' lists them",
        )
    if not found:
        raise InputError(
            f"there is no run '{text}'", remedy="'stepcache runs' lists them; or name another --home or --store"
        )
    if len(found) > 1:
        raise InputError(f"'{text}' begins the IDs of several runs: {_listed(found)}", remedy="give more of the ID")
    return found[0]


def shortened(run_ids: Iterable[str]) -> dict[str, str]:
    """For each ID the shortest beginning, of at least eight characters, that none of the others has."""
    ordered = sorted(set(run_ids))
    short = {}
    for number, run_id in enumerate(ordered):
        neighbours = ordered[max(0, number - 1) : number] + ordered[number + 1 : number + 2]
        length = max([_SHOWN, *(_common(run_id, other) + 1 for other in neighbours)])
        short[run_id] = run_id[:length]
    return short


def _common(one: str, other: str) -> int:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _listed(found: Sequence[RunRow]) -> str:
    names = [f"{run.run_id} ({run.pipeline})" for run in found[:_CANDIDATES]]
    return ", ".join([*names, "…"] if len(found) > _CANDIDATES else names)
