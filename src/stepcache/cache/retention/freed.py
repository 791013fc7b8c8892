"""What a collection freed, or would free."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from stepcache.light_dataclasses import dataclass


@dataclass(slots=True)
class Share:
    """So much of one component of one pipeline."""

    pipeline: str
    component: str
    entries: int = 0
    artifacts: int = 0
    bytes: int = 0

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pipeline": self.pipeline,
            "component": self.component,
            "entries": self.entries,
            "artifacts": self.artifacts,
            "bytes": self.bytes,
        }


@dataclass(slots=True)
class Freed:
    """A tally. An artifact counts for the last of the collected entries that referred to it."""

    _shares: dict[tuple[str, str], Share] = field(default_factory=dict)
    unreferenced: Share = field(default_factory=lambda: Share("", ""))
    """Artifacts that no entry had referred to when the collection began."""
    in_use: int = 0
    """Artifacts that no entry refers to, kept because a process relies on them."""

    def of(self, pipeline: str, component: str) -> Share:
        """The share of a component."""
        return self._shares.setdefault((pipeline, component), Share(pipeline, component))

    def shares(self) -> list[Share]:
        """The largest first."""
        return sorted(
            self._shares.values(), key=lambda share: (-share.bytes, -share.entries, share.pipeline, share.component)
        )

    @property
    def total(self) -> Share:
        """All of it."""
        everything = [*self._shares.values(), self.unreferenced]
        return Share(
            "",
            "",
            sum(share.entries for share in everything),
            sum(share.artifacts for share in everything),
            sum(share.bytes for share in everything),
        )
