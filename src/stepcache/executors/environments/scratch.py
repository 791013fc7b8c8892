"""Directories for what is temporary, which do not pile up when processes are killed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stepcache.executors.environments import trees


@asynccontextmanager
async def made(path: Path) -> AsyncIterator[Path]:
    """A new directory beside ``path``, removed in the end with whatever is in it.

    The caller holds the lock of ``path``: so what is left of earlier ones belonged to the dead, and is removed
    first. Raises OSError.
    """
    prefix = f".{path.name}-"
    await asyncio.to_thread(_remove_all, path.parent, prefix)
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=path.parent, prefix=prefix))
    try:
        yield directory
    finally:
        await asyncio.shield(asyncio.to_thread(trees.remove, directory))


def _remove_all(directory: Path, prefix: str) -> None:
    for remains in directory.glob(f"{prefix}*"):
        trees.remove(remains)
