"""Directories that steps are done with, removed while the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from stepcache.artifacts.scratch import remove


class Leftovers:
    """What is to be removed: the steps that come next do not wait for it, the end of the run does."""

    def __init__(self) -> None:
        self._removals: set[asyncio.Task[None]] = set()

    def remove(self, directories: Iterable[Path]) -> None:
        """Begin to remove ``directories``, which nobody uses any more. Never raises, and is done at once."""
        removal = asyncio.create_task(asyncio.to_thread(_remove, tuple(directories)))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def removed(self) -> None:
        """Wait until all of them are gone."""
        await asyncio.gather(*self._removals)


def _remove(directories: Iterable[Path]) -> None:
    for directory in directories:
        remove(directory)
