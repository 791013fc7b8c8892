"""Every test of this room ends as it began: no file more is open, no thread more running."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    files, threads = _open_files(), _threads()
    yield
    # What tests of other rooms left to the garbage collector may go meanwhile.
    assert (_open_files() - files, _threads() - threads) == (Counter(), set())


def _threads() -> set[threading.Thread]:
    # The event loop's own threads end with it, after this look.
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def _open_files() -> Counter[str]:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:  # the one of this very look
            continue
    return Counter(link for link in links if link.startswith("/") and not link.startswith(("/dev/", "/proc/")))
