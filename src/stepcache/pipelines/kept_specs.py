"""Pipelines that were read and checked before, by the bytes of their file.

Reading the YAML of a large pipeline and checking it against KFP's messages takes a second run longer than all else
that it does. What that led to is kept as JSON below the home, which is read many times as fast.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from stepcache.pipelines import dag_facts
from stepcache.pipelines.conversion import Spec

_MARKED_WITHIN = 3600.0
_FORM = 3
"""Of what is kept. A change of what is refused, or of how messages are read, needs another one."""


class KeptSpecs:
    """Files below one directory. What cannot be read or written is done again, and nothing is said about it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._new: dict[Path, Spec] = {}

    def find(self, data: bytes) -> Spec | None:
        """What ``data`` was found to hold; None if it was not read before."""
        path = self._path(data)
        try:
            pipeline, deployment, platforms, dags = json.loads(path.read_bytes())
            spec = Spec(pipeline, deployment, platforms, dag_facts.from_document(dags))
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        _mark_used(path)
        return spec

    def keep(self, data: bytes, spec: Spec) -> None:
        """Note what ``data`` holds, which has passed every check; ``write`` keeps it."""
        self._new[self._path(data)] = spec

    def collect(self, unused_for: float, *, dry_run: bool) -> int:
        """Delete what was not used for so many seconds, and what was left of writing it; how many files that were.
        What somebody needs after all is read anew.
        """
        before, count = time.time() - unused_for, 0
        for path in self._directory.glob("*") if self._directory.is_dir() else ():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    if not dry_run:
                        path.unlink()
                    count += 1
        return count

    def write(self) -> None:
        """Write what is new: when the user's other input is sound too, as nothing is made for what is refused."""
        for path, spec in self._new.items():
            new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                new.write_text(json.dumps(_plain(spec)), encoding="utf-8")
                new.replace(path)
        self._new.clear()

    def _path(self, data: bytes) -> Path:
        digest = hashlib.sha256(f"{_FORM} {_version()}\0".encode() + data).hexdigest()
        return self._directory / f"{digest}.json"


def _mark_used(path: Path) -> None:
    """Its time of change is when it was last used, to the hour."""
    with contextlib.suppress(OSError):
        if path.stat().st_mtime < time.time() - _MARKED_WITHIN:
            os.utime(path)


def _plain(spec: Spec) -> list[Any]:
    return [spec.pipeline, spec.deployment, spec.platforms, dag_facts.to_document(spec.dags)]


def _version() -> str:
    from stepcache.executors.distributions import installed

    found = installed()
    return f"{found.get('stepcache')} {found.get('kfp-pipeline-spec')}"
