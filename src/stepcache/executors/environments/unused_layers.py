"""Layers that nothing uses any more."""

from __future__ import annotations

import contextlib
import secrets
import time
from pathlib import Path
from typing import Final

from stepcache.executors.environments import file_lock, trees
from stepcache.executors.environments.layer_use import MARKER, LayerUse
from stepcache.light_dataclasses import dataclass

_LONGEST_WORK: Final = 86400.0


@dataclass(frozen=True, slots=True)
class CollectedLayers:
    """How many layers went, or would go, and their size."""

    layers: int
    bytes: int


def collect(home: Path, unused_for: float, *, dry_run: bool) -> CollectedLayers:
    """Delete the installed packages below ``home`` that were taken into use by nobody for so many seconds, and are
    in use by nobody now. What they were resolved to is kept: they are installed again when they are needed.

    Race: a run that takes a layer into use, or makes it again. Both do so under locks that are held while it is
    moved; who comes later finds nothing (``test_a_layer_that_was_collected_meanwhile_is_made_again``). It is moved
    to a name that whoever makes it again clears away, so that dying on the way leaves nothing for ever.
    """
    directory, before = home / "environments" / "layers", time.time() - unused_for
    layers = size = 0
    for path in sorted(directory.glob("*")) if directory.is_dir() else ():
        if path.name.startswith("."):
            if not dry_run and _is_left(path, before):
                trees.remove(path)
            continue
        if not _is_unused(path, before):
            continue
        bytes_of_it = trees.summary(path, MARKER).bytes
        aside = None if dry_run else path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        if _moved(path, aside):
            layers, size = layers + 1, size + bytes_of_it
            if aside is not None:
                trees.remove(aside)
    return CollectedLayers(layers, size)


def _moved(path: Path, aside: Path | None) -> bool:
    """Move the layer ``aside``, if that is given; False when somebody uses it, or is about to."""
    with file_lock.taken(path.with_name(f"{path.name}.lock")) as is_taken:
        use = LayerUse.prevent(path) if is_taken else None
        if use is None:
            return False
        try:
            if aside is not None:
                path.chmod(0o755)
                path.rename(aside)
        finally:
            use.end()
    return True


def _is_unused(path: Path, before: float) -> bool:
    with contextlib.suppress(OSError):
        return (path / MARKER).stat().st_mtime < before
    return False


def _is_left(path: Path, before: float) -> bool:
    """Whether somebody died while making or removing it, so long ago that nobody can be at it still."""
    with contextlib.suppress(OSError):
        return path.is_dir() and path.stat().st_mtime < min(before, time.time() - _LONGEST_WORK)
    return False
