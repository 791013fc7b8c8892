"""The key of a whole DAG: equal keys, and every task in it has equal keys too, as long as each is reused.

It is no key of an execution: its entry stands for the entries of the DAG's tasks, and only while these stand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from stepcache.keys.json_writer import write
from stepcache.keys.strict import InputArtifact, format_exactly
from stepcache.light_dataclasses import dataclass

SCHEME: Final = "dag-1"
"""Named in every key, as ``strict.SCHEME``."""


@dataclass(frozen=True, slots=True)
class DagParts:
    """Everything that the keys of the DAG's tasks can come of, but the outputs of other tasks in it."""

    content: str
    """A digest of the DAG and of all components and executors that it reaches."""
    namespace: str = ""
    input_parameters: Mapping[str, Any] = field(default_factory=dict)
    input_artifacts: Mapping[str, Sequence[InputArtifact]] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: what really runs the steps, what stands for the cluster, and policies that change keys."""


def dag_key(parts: DagParts) -> str:
    """The key: 64 lower-case hex digits, never that of a step (``strict.strict_key`` starts with another scheme).

    Raises ValueError and TypeError for what is no JSON value, as ``strict_key`` does.
    """
    namespace = parts.namespace.encode("utf-8", "surrogatepass")
    body = write(_document(parts), format_exactly).encode("utf-8", "surrogatepass")
    return hashlib.sha256(b"%b\0%d:%b%b" % (SCHEME.encode(), len(namespace), namespace, body)).hexdigest()


def stored_parts(parts: DagParts) -> dict[str, Any]:
    """The parts as a JSON value, to be kept beside the key."""
    return {"scheme": SCHEME, "namespace": parts.namespace, **_document(parts)}


def _document(parts: DagParts) -> dict[str, Any]:
    return {
        "content": parts.content,
        "input_parameters": dict(parts.input_parameters),
        "input_artifacts": {
            name: [artifact.document() for artifact in items] for name, items in parts.input_artifacts.items()
        },
        "surroundings": dict(parts.surroundings),
    }
