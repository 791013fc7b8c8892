"""Pipelines that were read and checked before, by the bytes of their file.

Reading the YAML of a large pipeline and checking it against KFP's messages takes a second run longer than all else
that it does. What that led to is kept as JSON below the home, which is read many times as fast.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from stepcache.pipelines import dag_facts
from stepcache.pipelines.conversion import Spec

_FORM = 3
"""Of what is kept. A change of what is refused, or of how messages are read, needs another one."""


class KeptSpecs:
    """Files below one directory. What cannot be read or written is done again, and nothing is said about it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._new: dict[Path, Spec] = {}

    def find(self, data: bytes) -> Spec | None:
        """What ``data`` was found to hold; None if it was not read before."""
        try:
            pipeline, deployment, platforms, dags = json.loads(self._path(data).read_bytes())
            return Spec(pipeline, deployment, platforms, dag_facts.from_document(dags))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def keep(self, data: bytes, spec: Spec) -> None:
        """Note what ``data`` holds, which has passed every check; ``write`` keeps it."""
        self._new[self._path(data)] = spec

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


def _plain(spec: Spec) -> list[Any]:
    return [spec.pipeline, spec.deployment, spec.platforms, dag_facts.to_document(spec.dags)]


def _version() -> str:
    from importlib.metadata import version

    return f"{version('stepcache')} {version('kfp-pipeline-spec')}"
