"""The text that ``ExecutionOutput`` holds for stepcache's own entries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.light_dataclasses import dataclass
from stepcache.stores.cache_key import are_keys

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch

_decode = json.JSONDecoder().raw_decode

JsonValue = Any
"""What ``json.loads`` returns."""


@dataclass(frozen=True, slots=True)
class Output:
    """A result: a JSON value, and everything that must be as it was for the result to be reused."""

    value: JsonValue
    artifacts: tuple[Artifact, ...] = ()
    """Each must be intact."""
    rests_on: Mapping[str, str] = field(default_factory=dict)
    """Other entries of the store, by key: each must still be the one with this ``published_by``."""

    def to_text(self) -> str:
        """The JSON text. Raises ValueError or TypeError for a value that is not JSON."""
        document: dict[str, JsonValue] = {"value": self.value}
        if self.artifacts:
            document["artifacts"] = [[item.digest, item.size, item.kind.value] for item in self.artifacts]
        if self.rests_on:
            document["rests_on"] = dict(self.rests_on)
        return json.dumps(document, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Output:
        """Read what ``to_text`` wrote. Raises ValueError for any other text."""
        document, end = _decode(text, 0)  # a third less than json.loads, which looks for white space too
        if end != len(text) or not isinstance(document, dict) or "value" not in document:
            raise ValueError("not an output of stepcache")
        artifacts, rests_on = document.get("artifacts"), document.get("rests_on")
        if artifacts is None and rests_on is None:
            return cls(document["value"])
        try:
            found = tuple([_artifact(*item) for item in artifacts or ()])
        except TypeError as error:
            raise ValueError("not an output of stepcache") from error
        return cls(document["value"], found, _entries(rests_on or {}))


def _entries(rests_on: JsonValue) -> dict[str, str]:
    if not isinstance(rests_on, dict) or not are_keys(rests_on.keys()):
        raise ValueError("not entries")
    return rests_on


def _artifact(digest: str, size: int, kind: str) -> Artifact:
    # The digest becomes a path: a text of another program must not lead out of the artifact store.
    if type(digest) is not str or type(size) is not int or _is_digest(digest) is None:
        raise ValueError("not an artifact")
    return Artifact(digest, size, Kind(kind))
