"""The pins of all processes, as who collects reads them (see ``pins``)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from stepcache.artifacts.pins import boot
from stepcache.light_dataclasses import dataclass

OTHERS_LAST: Final = 86400.0
"""Seconds for which a pin of another machine, or of this one before it was restarted, counts although its lock is
free: its file system may keep locks to each machine.
"""
_is_name = re.compile(rb"[0-9a-f]{64}(?:\.dir)?").fullmatch


@dataclass(slots=True)
class _Read:
    """What was read of a pin file so far."""

    offset: int = 0
    names: set[str] = field(default_factory=set)


class AllPins:
    """The pins of all processes, for who collects: to be looked at while the gate is closed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, _Read] = {}

    def sweep(self, now: float) -> int:
        """Remove the pins of processes that are dead; how many these were. ``now``: the file system's clock."""
        removed = 0
        for path in self._files():
            if _is_dead(path, now):
                with contextlib.suppress(OSError):
                    path.unlink()
                    removed += 1
        return removed

    def names(self) -> set[str]:
        """The names of all objects that are pinned. Only what is new since the last call is read."""
        seen = {}
        for path in self._files():
            read = self._read.get(path.name, _Read())
            try:
                with path.open("rb") as file:
                    file.seek(read.offset)
                    data = file.read()
            except FileNotFoundError:
                continue  # its process has closed it
            complete = data.rfind(b"\n") + 1
            read.names.update(line.decode() for line in data[:complete].split(b"\n") if _is_name(line))
            read.offset += complete
            seen[path.name] = read
        self._read = seen
        return set().union(*(read.names for read in seen.values()))

    def _files(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(self._directory.iterdir()):
                if path.name.count(".") == 2:
                    yield path


def _is_dead(path: Path, now: float) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_of_this_kernel = bool(boot()) and path.name.startswith(f"{boot()}.")
        return is_of_this_kernel or os.fstat(descriptor).st_mtime < now - OTHERS_LAST
    except OSError:
        return False
    finally:
        os.close(descriptor)
