"""A Python environment that steps share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from stepcache.executors.environments import overlay
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.overlay import Overlay
from stepcache.light_dataclasses import dataclass

_DATA = ("share", "etc")


@dataclass(frozen=True)
class Environment:
    """An interpreter and the packages that steps find with it. It never changes."""

    interpreter: Interpreter
    lock: Lock
    layers: tuple[Path, ...]
    """Directories of packages, the first one winning."""
    scripts: tuple[Path, ...] = ()
    """Directories of programs."""
    data: Mapping[str, Path] = field(default_factory=dict)
    """Files that programs look for below ``sys.prefix``, by their path there."""

    def described(self) -> dict[str, str]:
        """What enters a step's key as what really runs it (keys/strict.py)."""
        return {"kind": "subprocess", **self.interpreter.document(), "lock": self.lock.digest}

    def overlay(self, prefix: Path) -> Overlay:
        """The Python of one step, in the directory ``prefix``, which is made. See ``overlay.make``."""
        return overlay.make(prefix, self.interpreter, self.layers, self.scripts, self.data)


def data_files(root: Path) -> dict[str, Path]:
    """The data that packages installed below ``root``, by path."""
    return {
        str(path.relative_to(root)): path
        for name in _DATA
        for path in sorted((root / name).rglob("*"))
        if not path.is_dir() or path.is_symlink()
    }
