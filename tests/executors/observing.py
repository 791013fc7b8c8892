"""Looking at processes from outside, and waiting for what another process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from stepcache import processes
from stepcache.executors.step import StepCommand
from stepcache.processes import Process

PATH = "/usr/local/bin:/usr/bin:/bin"


def shell(directory: Path, script: str, **environment: str) -> StepCommand:
    """A step that is a shell script, with its log beside its working directory."""
    return StepCommand(
        ("sh", "-c", script), {"PATH": PATH, **environment}, directory, directory.parent / "step.log"
    )


def log_of(directory: Path) -> str:
    return (directory.parent / "step.log").read_text()


def until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Poll until the condition holds; the seconds that took. Fails after the deadline."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, "the condition did not come true in time"
        time.sleep(0.002)
    return time.monotonic() - begin


async def until_async(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.002)


def written(*files: Path) -> Callable[[], bool]:
    """Whether each file holds a whole line."""
    return lambda: all(file.exists() and file.read_text().endswith("\n") for file in files)


def named_in(file: Path) -> Process:
    """The live process whose id a file holds."""
    process = processes.find(int(file.read_text()))
    assert process is not None
    return process


def children(pid: int) -> list[int]:
    """Every child, zombies included."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_bytes()
        except OSError:
            continue
        if int(text[text.rindex(b")") + 2 :].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def descriptors(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def processes_in(directory: Path) -> list[int]:
    """Every process that works in a directory: whatever session, parent or environment it has."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == directory:
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found
