"""Runs as people name them: ``latest``, an id, or the beginning of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepcache.errors import InputError

if TYPE_CHECKING:
    from stepcache.stores.runs import RunRow, RunStore

_MOST = 100_000


async def find(store: RunStore, reference: str) -> RunRow:
    """The run that ``reference`` names. Raises InputError when none is, or more than one."""
    if reference == "latest":
        newest = await store.runs(limit=1)
        if not newest:
            raise InputError("there is no run yet", remedy="run a pipeline: stepcache run pipeline.yaml")
        return newest[0]
    exact = await store.run(reference)
    if exact is not None:
        return exact
    found = [run for run in await store.runs(limit=_MOST) if reference and run.run_id.startswith(reference)]
    if not found:
        raise InputError(f"there is no run '{reference}'", remedy="give 'latest', or the beginning of a run's id")
    if len(found) > 1:
        names = ", ".join(run.run_id for run in found[:5])
        raise InputError(f"'{reference}' is the beginning of several runs: {names}", remedy="give more of the id")
    return found[0]
