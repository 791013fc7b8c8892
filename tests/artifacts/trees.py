"""Directories for tests, written as nested dicts, and what is found in one."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Program:
    """A file that may be executed."""

    text: str


Tree = dict[str, Any]
"""Names, and for each the text of a file, a ``Link``, a ``Program`` or a directory's own tree."""

MODEL: Tree = {
    "weights.bin": "1 2 3",
    "empty": "",
    "run.sh": Program("#!/bin/sh\n"),
    "latest": Link("checkpoints/2"),
    "checkpoints": {"1": {"state": "one"}, "2": {"state": "two", "up": Link("../../weights.bin")}, "none": {}},
    "naïve \n name": "x",
}


def grow(path: Path, tree: Tree | str) -> Path:
    """Write ``tree`` to ``path``, which does not exist."""
    if isinstance(tree, str):
        path.write_text(tree)
        return path
    path.mkdir()
    for name, content in tree.items():
        if isinstance(content, Link):
            (path / name).symlink_to(content.target)
        elif isinstance(content, Program):
            (path / name).write_text(content.text)
            (path / name).chmod(0o755)
        else:
            grow(path / name, content)
    return path


def seen(path: Path) -> Tree | str:
    """What is at ``path``, in the form that ``grow`` takes."""
    if not path.is_dir():
        return path.read_text()
    found: Tree = {}
    for child in path.iterdir():
        if child.is_symlink():
            found[child.name] = Link(target_of(child))
        elif child.is_file() and child.stat().st_mode & stat.S_IXUSR:
            found[child.name] = Program(child.read_text())
        else:
            found[child.name] = seen(child)
    return found


def target_of(link: Path) -> str:
    """Where a symbolic link leads, to the letter."""
    return os.readlink(link)  # noqa: PTH115 - Path.readlink drops "./"


def writable(path: Path) -> list[Path]:
    """Everything at and below ``path`` that somebody may write to."""
    everything = [path, *path.rglob("*")]
    return [item for item in everything if not item.is_symlink() and item.stat().st_mode & 0o222]


def files(root: Path) -> list[Path]:
    """Every file below ``root``."""
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def until(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Return when ``condition`` holds; fail when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)  # between two looks at another process or clock


class Unprivileged:
    """Within the block, this process has no right to what others own: root becomes nobody."""

    def __enter__(self) -> None:
        self._user = os.geteuid()
        if self._user == 0:
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if self._user == 0:
            os.seteuid(0)
