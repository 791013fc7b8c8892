"""Programs of ``producer`` that run beside a test."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stepcache

_REPOSITORY = Path(__file__).parents[2]

Program = subprocess.Popen[str]


@contextmanager
def programs(count: int, *arguments: str | Path) -> Iterator[list[Program]]:
    """Processes of ``tests.api.producer``; all are gone at the end of the block."""
    command = [sys.executable, "-m", "tests.api.producer", *map(str, arguments)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for program in started:
            program.kill()
            program.communicate()


def line(program: Program) -> str:
    """The next line that the program says."""
    assert program.stdout is not None
    return program.stdout.readline().rstrip("\n")


def tell(program: Program) -> None:
    """Let the program go on."""
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()


def never() -> Any:
    """Produces what is stored already."""
    raise AssertionError("the value was produced again")


def wait_for_a_waiter(cache: stepcache.BlockingCache) -> None:
    """Return when somebody waits in ``cache``."""
    waiting = cache._cache._waiting
    deadline = time.monotonic() + 30
    while not waiting._queues:
        assert time.monotonic() < deadline
        time.sleep(0.002)  # between two looks at another thread
