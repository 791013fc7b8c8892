"""That a layer is in use: a shared lock on its directory, which ends with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import weakref
from pathlib import Path
from typing import Final, Self

MARKER: Final = "layer.json"
"""Written last, inside a layer: what was in it when it was complete. Its time of change is when the layer was last
taken into use, to the hour.
"""
_MARKED_WITHIN: Final = 3600.0


class LayerUse:
    """One use of one layer, until ``end``, the end of whoever holds this object, or that of the process."""

    def __init__(self, descriptor: int) -> None:
        self.end = weakref.finalize(self, os.close, descriptor)

    @classmethod
    def begin(cls, path: Path) -> Self | None:
        """Use the layer at ``path``; None when there is none, or it is being collected."""
        descriptor = _locked(path, fcntl.LOCK_SH)
        if descriptor is None:
            return None
        with contextlib.suppress(OSError):
            if (path / MARKER).stat().st_mtime < time.time() - _MARKED_WITHIN:
                os.utime(path / MARKER)
        return cls(descriptor)

    @classmethod
    def prevent(cls, path: Path) -> Self | None:
        """Let nobody use the layer at ``path`` until ``end``; None when somebody does, or there is none."""
        descriptor = _locked(path, fcntl.LOCK_EX)
        return None if descriptor is None else cls(descriptor)


def _locked(path: Path, kind: int) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        is_still_there = os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError as error:
        # Where there are no locks nobody can collect, and whoever wants to use it may.
        is_still_there = kind == fcntl.LOCK_SH and not isinstance(error, BlockingIOError | FileNotFoundError)
    if not is_still_there:
        os.close(descriptor)
        return None
    return descriptor
