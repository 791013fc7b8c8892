"""What a task or an entry left, in lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def lines(document: dict[str, Any], artifacts: Path) -> Iterator[str]:
    """One line for each output of a document of ``pipelines.values.Values``; artifacts are below ``artifacts``."""
    for name, value in (document.get("parameters") or {}).items():
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, items in (document.get("artifacts") or {}).items():
        for item in items:
            yield f"{name}: {_artifact(item, artifacts)}"


def _artifact(item: dict[str, Any], root: Path) -> str:
    from stepcache.artifacts.artifact import Artifact, Kind
    from stepcache.artifacts.local import LocalArtifactStore
    from stepcache.cli import amounts

    kind = item["type"].get("schemaTitle", "artifact").removeprefix("system.")
    content = item.get("content")
    if content is None:
        return f"{kind} {item.get('uri') or json.dumps(item['metadata'], ensure_ascii=False)}"
    stored = Artifact(content["digest"], content["size"], Kind(content["kind"]))
    place = LocalArtifactStore(root, "", read_only=True).path(stored)
    return f"{kind}, {amounts.size(stored.size)}, {place}"
