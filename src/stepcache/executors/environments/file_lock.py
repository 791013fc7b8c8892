"""A lock between processes that ends with its holder, however that ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from stepcache.errors import StepcacheError

_PAUSE = 0.05  # seconds between two tries


@asynccontextmanager
async def held(path: Path) -> AsyncIterator[None]:
    """Hold the lock of ``path``, waiting for whoever has it.

    It is flock(2) on a file that stays: the kernel releases it when its holder dies, by ``kill -9`` too. It is no
    lock between hosts on a file system that keeps flock local. Raises StepcacheError when the file cannot be made.
    """
    descriptor = _opened(path)
    try:
        while not _taken(descriptor):  # noqa: ASYNC110 (flock has no event to wait for)
            await asyncio.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Hold the lock of ``path`` if it is free; whether it was. Raises StepcacheError when it cannot be told."""
    descriptor = _opened(path)
    try:
        yield _taken(descriptor)
    except OSError as error:
        raise StepcacheError(f"cannot take the lock {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StepcacheError(f"cannot open the lock {path}: {error.strerror}") from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
