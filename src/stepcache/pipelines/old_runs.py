"""The record of runs that nobody asks for any more: rows and logs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stepcache.artifacts.scratch import remove
from stepcache.light_dataclasses import dataclass
from stepcache.stores.collection import CollectingStore


@dataclass(frozen=True, slots=True)
class CollectedRuns:
    """How many runs went, or would go, and the size of their logs."""

    runs: int
    bytes: int


async def collect(
    store: CollectingStore, home: Path, ended_for: float, *, going: Mapping[str, int], dry_run: bool
) -> CollectedRuns:
    """Delete the rows and logs of runs that ended more than so many seconds ago, by the engines' clocks.

    Kept: runs that have not ended, and those that an entry's result is from, whose log it names. In a dry run, the
    entries that would have gone before are still there: so many of each run are ``going``. Logs go first: who is
    killed on the way leaves rows, which are found again.
    """
    before = time.time() - ended_for
    runs = size = 0
    after = ""
    while page := await store.ended_runs(before=before, after=after):
        old = [run_id for run_id, entries in page.items() if entries <= (going.get(run_id, 0) if dry_run else 0)]
        directories = [directory for run_id in old if (directory := _logs(home, run_id)) is not None]
        size += await asyncio.to_thread(_clear, directories, dry_run=dry_run)
        runs += len(old) if dry_run else len(await store.collect_runs(old, before=before))
        after = list(page)[-1]
    return CollectedRuns(runs, size)


def _logs(home: Path, run_id: str) -> Path | None:
    """Where the logs of the run are; None for an ID that is no name of a directory."""
    is_name = run_id not in ("", ".", "..") and "/" not in run_id and "\0" not in run_id
    return home / "runs" / run_id if is_name else None


def _clear(directories: Sequence[Path], *, dry_run: bool) -> int:
    size = 0
    for directory in directories:
        for parent, _, names in os.walk(directory):
            size += sum(_size(Path(parent, name)) for name in names)
        if not dry_run:
            remove(directory)
    return size


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
