"""Every test of this room ends as it began: no file open, no thread running."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    before = _open_files(), _threads()
    yield
    assert (_open_files(), _threads()) == before


def _threads() -> set[threading.Thread]:
    # The event loop's own threads end with it, after this look.
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def _open_files() -> list[str]:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:  # the one of this very look
            continue
    return sorted(link for link in links if link.startswith("/") and not link.startswith(("/dev/", "/proc/")))
