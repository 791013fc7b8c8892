"""Golden vectors: what Go makes of a document."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepcache.keys.go_json import GoJSONError

DIRECTORY = Path(__file__).parent.parent / "data" / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    """The vectors of one file; ``input`` is bytes in each."""
    vectors = [json.loads(line) for line in (DIRECTORY / f"{name}.jsonl").read_bytes().splitlines()]
    for vector in vectors:
        encoded = vector.get("input_base64")
        vector["input"] = base64.b64decode(encoded) if encoded is not None else vector["input"].encode()
    return vectors


def differences(name: str, compute: Callable[[bytes], str]) -> list[tuple[bytes, str]]:
    """The inputs for which ``compute`` does not answer what Go does, with its answer."""
    found = []
    for vector in load(name):
        try:
            answer = compute(vector["input"])
        except GoJSONError as error:
            answer = f"error: {error}"
        expected = vector.get("sha256")
        if answer != expected if expected else not answer.startswith("error: "):
            found.append((vector["input"][:200], answer))
    return found
