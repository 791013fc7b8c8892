"""The event loop of a command, imported when there is something to run: ``--help`` is told without it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to, on a loop of its own."""
    import asyncio

    return asyncio.run(work)
