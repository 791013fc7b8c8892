"""The text that ``ExecutionOutput`` holds for stepcache's own entries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from stepcache.artifacts.artifact import Artifact, Kind

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch

JsonValue = Any
"""What ``json.loads`` returns."""


@dataclass(frozen=True, slots=True)
class Output:
    """A result: a JSON value, and every artifact that must be intact for the result to be reused."""

    value: JsonValue
    artifacts: tuple[Artifact, ...] = ()

    def to_text(self) -> str:
        """The JSON text. Raises ValueError or TypeError for a value that is not JSON."""
        document: dict[str, JsonValue] = {"value": self.value}
        if self.artifacts:
            document["artifacts"] = [[item.digest, item.size, item.kind.value] for item in self.artifacts]
        return json.dumps(document, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Output:
        """Read what ``to_text`` wrote. Raises ValueError for any other text."""
        document = json.loads(text)
        if not isinstance(document, dict) or "value" not in document:
            raise ValueError("not an output of stepcache")
        artifacts = document.get("artifacts")
        if artifacts is None:
            return cls(document["value"])
        try:
            return cls(document["value"], tuple(_artifact(*item) for item in artifacts))
        except TypeError as error:
            raise ValueError("not an output of stepcache") from error


def _artifact(digest: str, size: int, kind: str) -> Artifact:
    # The digest becomes a path: a text of another program must not lead out of the artifact store.
    if type(digest) is not str or type(size) is not int or _is_digest(digest) is None:
        raise ValueError("not an artifact")
    return Artifact(digest, size, Kind(kind))
