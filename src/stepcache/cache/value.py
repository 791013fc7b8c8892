"""Values that ``once`` and ``put`` keep: bytes, JSON values, and paths. Never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from stepcache.artifacts.contract import ArtifactStore
from stepcache.cache.output import JsonValue, Output
from stepcache.errors import InputError

Value = JsonValue | bytes | Path

_REMEDY = "produce bytes, a JSON value, or a pathlib.Path to a file or directory"


def store(value: Value, artifacts: ArtifactStore) -> tuple[Output, Value]:
    """Keep ``value``: what the entry will say, and the value as every caller gets it (a path has moved). Blocks.

    Raises InputError for a value that reading it back would change: a tuple, a number that is not finite, a
    dictionary with keys that are not text, any other object.
    """
    if isinstance(value, bytes):
        return Output({"once": "bytes"}, (artifacts.ingest_bytes(value),)), value
    if isinstance(value, Path):
        artifact = artifacts.ingest(value)
        return Output({"once": "path"}, (artifact,)), artifacts.path(artifact)
    _check(value)
    return Output({"once": "json", "json": value}), value


def load(output: Output, artifacts: ArtifactStore) -> Value:
    """The value that ``store`` kept; reads a file for bytes.

    Raises InputError for an output of another kind, and FileNotFoundError for bytes that have just been removed.
    """
    document = output.value
    kind = document.get("once") if isinstance(document, dict) else None
    if kind == "json":
        return cast("dict[str, JsonValue]", document)["json"]
    if kind not in ("bytes", "path") or len(output.artifacts) != 1:
        raise InputError(
            "the entry of this key was not made by once() or put(): it is the result of a pipeline's task",
            remedy="use a key of your own, made with stepcache.key(...)",
        )
    path = artifacts.path(output.artifacts[0])
    return path.read_bytes() if kind == "bytes" else path


def _check(value: Any) -> None:
    try:
        back = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the value cannot be stored as JSON: {error}", remedy=_REMEDY) from error
    pending = [("the value", value, back)]
    while pending:
        place, left, right = pending.pop()
        if type(left) is not type(right) or (isinstance(left, dict) and left.keys() != right.keys()):
            raise InputError(
                f"{place} would not be read back from JSON as it is: {_describe(left)}", remedy=_REMEDY
            )
        if isinstance(left, dict):
            pending += [(f"{place}[{name!r}]", left[name], right[name]) for name in left]
        elif isinstance(left, list):
            pending += [(f"{place}[{index}]", *pair) for index, pair in enumerate(zip(left, right, strict=True))]


def _describe(value: object) -> str:
    if type(value) is dict:
        return f"a dictionary with the keys {list(value)[:5]!r}"
    return f"a {type(value).__name__}"
