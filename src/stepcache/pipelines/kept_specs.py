"""Pipelines that were read and checked before, by the bytes of their file.

Reading the YAML of a large pipeline and checking it against KFP's messages takes a second run longer than all else
that it does. What that led to is kept as JSON below the home, which is read many times as fast. Tasks of one
component have a copy of it each: what is the same in them is kept, and read, once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepcache.pipelines import dag_facts
from stepcache.pipelines.conversion import Spec

_MARKED_WITHIN = 3600.0
_FORM = 4
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
            spec = _unpacked(*json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, AttributeError, LookupError):
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
                new.write_text(json.dumps(_packed(spec), separators=(",", ":")), encoding="utf-8")
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


_DEFINITIONS = ("inputDefinitions", "outputDefinitions")
"""The parts of a component that are the same in its copies."""


class _Shared:
    """Documents, each once."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, document: Any) -> int:
        """Where the document is among them."""
        place = self._places.setdefault(json.dumps(document), len(self.documents))
        if place == len(self.documents):
            self.documents.append(document)
        return place


def _packed(spec: Spec) -> list[Any]:
    shared = _Shared()
    components = {
        name: {key: shared.place(value) if key in _DEFINITIONS else value for key, value in component.items()}
        for name, component in spec.pipeline.get("components", {}).items()
    }
    executors = {name: shared.place(value) for name, value in spec.deployment.get("executors", {}).items()}
    return [
        shared.documents,
        {**spec.pipeline, "components": components},
        {**spec.deployment, "executors": executors},
        spec.platforms,
        dag_facts.to_document(spec.dags),
    ]


def _unpacked(
    shared: list[Any],
    pipeline: dict[str, Any],
    deployment: dict[str, Any],
    platforms: dict[str, Any],
    dags: Mapping[str, Any],
) -> Spec:
    """What ``_packed`` took apart; equal documents are one object, which ``conversion`` makes use of."""
    for component in pipeline["components"].values():
        for key in _DEFINITIONS:
            if key in component:
                component[key] = shared[component[key]]
    deployment["executors"] = {name: shared[place] for name, place in deployment["executors"].items()}
    return Spec(pipeline, deployment, platforms, dag_facts.from_document(dags))


def _version() -> str:
    from stepcache.executors.distributions import installed

    found = installed()
    return f"{found.get('stepcache')} {found.get('kfp-pipeline-spec')}"
