"""Directories of installed packages that are made once, and are complete or not there."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors.environments import file_lock, scratch, trees
from stepcache.executors.environments.layer_use import MARKER, LayerUse

_ATTEMPTS = 3
"""How often a layer is made that somebody else removes or alters before it can be used."""


class Layers:
    """The layers below one directory.

    A layer is made in a place of its own and then renamed: whoever dies on the way leaves nothing that could be
    taken for a layer, and the next one who makes it clears that away. Processes that want the same layer wait for
    the one that makes it (``file_lock``).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._uses: list[LayerUse] = []

    async def ready(self, name: str, make: Callable[[Path, Path], Awaitable[None]]) -> Path:
        """The root of the layer ``name``, made by ``make`` when it is not there or was altered since it was made.

        ``make(root, scratch)`` creates and fills ``root``; what it leaves in the directory ``scratch`` is thrown
        away. What it raises is raised here, and StepcacheError when a file cannot be written.
        """
        path = self._directory / name
        if await asyncio.to_thread(self._take, path):
            return path
        async with file_lock.held(self._directory / f"{name}.lock"):
            for _ in range(_ATTEMPTS):
                if await asyncio.to_thread(self._take, path):
                    return path
                try:
                    await self._make(path, make)
                except OSError as error:
                    raise StepcacheError(f"cannot make {path}: {error}") from error
            if await asyncio.to_thread(self._take, path):
                return path
        raise StepcacheError(f"cannot use {path}: others remove it as soon as it is made")

    def _take(self, path: Path) -> bool:
        """Whether the layer is there as it was made; then it is in use until these layers are let go of.

        Race: a collection of the layer. It is in use before it is looked at, and what was collected before that is
        not there (``test_a_layer_that_was_collected_meanwhile_is_made_again``).
        """
        use = LayerUse.begin(path)
        if use is None:
            return False
        if not _is_intact(path):
            use.end()
            return False
        self._uses.append(use)
        return True

    async def _make(self, path: Path, make: Callable[[Path, Path], Awaitable[None]]) -> None:
        async with scratch.made(path) as directory:
            root = directory / "root"
            await make(root, directory)
            await asyncio.to_thread(_put_aside, path, directory)
            await asyncio.to_thread(_complete, root, path)


def _put_aside(path: Path, directory: Path) -> None:
    """Make room where an altered layer is: whoever uses it at this moment finds what it has opened, and no more."""
    if path.exists():
        path.chmod(0o755)
        path.rename(directory / "altered")


def _complete(root: Path, path: Path) -> None:
    document = asdict(trees.summary(root, MARKER))
    trees.make_read_only(root)
    marker = root / MARKER
    with marker.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    marker.chmod(0o444)
    root.rename(path)
    path.chmod(0o555)  # not before: a directory that changes its parent must be writable


def _is_intact(path: Path) -> bool:
    """Whether the layer is there with exactly the files it had when it was complete."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((path / MARKER).read_text(encoding="utf-8"))
        return bool(document["signature"] == trees.summary(path, MARKER).signature)
    return False
