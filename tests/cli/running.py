"""``stepcache run`` as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "stepcache")


def start(home: Path, *arguments: str | Path, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command in a session of its own, its output piped."""
    return subprocess.Popen(
        [*COMMAND, "--home", home, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )


def call(
    home: Path, *arguments: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    process = start(home, *arguments, environment=environment)
    output, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def document(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The document that ``run --json`` printed."""
    assert ended.stdout, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def results(ended: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Of each task, what the cache did."""
    return {task["name"]: task["cache"]["result"] for task in document(ended)["tasks"]}


def reasons(ended: subprocess.CompletedProcess[str]) -> dict[str, str | None]:
    """Of each task, why it was not reused."""
    return {task["name"]: task["cache"]["reason"] for task in document(ended)["tasks"]}


def until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Return when ``condition`` holds; fail when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.005)  # between two looks at another process
