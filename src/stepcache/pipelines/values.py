"""What flows between tasks: parameter values and artifacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import JsonValue


@dataclass(frozen=True, slots=True)
class ArtifactValue:
    """An artifact as tasks pass it on. ``content`` is None when its step wrote nothing at its path (metrics)."""

    name: str
    schema: Mapping[str, str]
    metadata: Mapping[str, JsonValue]
    content: Artifact | None
    uri: str = ""
    """Where it is when the content is not in the artifact store."""

    def to_document(self) -> dict[str, Any]:
        """The form in which entries and results keep it."""
        document: dict[str, Any] = {"name": self.name, "type": dict(self.schema), "metadata": dict(self.metadata)}
        if self.content is not None:
            content = self.content
            document["content"] = {"digest": content.digest, "size": content.size, "kind": str(content.kind)}
        if self.uri:
            document["uri"] = self.uri
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ArtifactValue:
        """The artifact that ``to_document`` described."""
        content = document.get("content")
        return cls(
            name=document["name"],
            schema=document["type"],
            metadata=document["metadata"],
            content=None
            if content is None
            else Artifact(content["digest"], content["size"], Kind(content["kind"])),
            uri=document.get("uri", ""),
        )


@dataclass(frozen=True, slots=True)
class Values:
    """The inputs or the outputs of a task. A parameter that nobody set is absent, which is not the same as null."""

    parameters: dict[str, JsonValue] = field(default_factory=dict)
    artifacts: dict[str, tuple[ArtifactValue, ...]] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Values:
        """These values less those of ``names``."""
        if not names:
            return self
        return Values(
            {name: value for name, value in self.parameters.items() if name not in names},
            {name: value for name, value in self.artifacts.items() if name not in names},
        )

    def to_document(self) -> dict[str, Any]:
        """The form in which entries and results keep them."""
        return {
            "parameters": self.parameters,
            "artifacts": {
                name: [artifact.to_document() for artifact in artifacts]
                for name, artifacts in self.artifacts.items()
            },
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Values:
        """The values that ``to_document`` described."""
        artifacts = document.get("artifacts") or {}
        return cls(
            document.get("parameters") or {},
            {name: tuple(map(ArtifactValue.from_document, items)) for name, items in artifacts.items()},
        )
