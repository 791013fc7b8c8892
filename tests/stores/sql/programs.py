"""Test programs as processes of their own, killed if need be when the stack is left."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

LONG = 120.0  # seconds; only a broken test waits for so long


def start(
    stack: ExitStack, module: str, *arguments: object, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """``python -m module arguments...``."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str = "go") -> None:
    """Give it a line."""
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
