"""One part of a key that is different from that of another execution."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from stepcache.keys.json_writer import write
from stepcache.keys.strict import format_exactly
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.model import ABSENT, JsonValue
from stepcache.pipelines.provenance import Origin

MASKED: Final = "a masked value changed"
_SEALED: Final = re.compile(r"hmac-sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Difference:
    """``old`` and ``new`` are ABSENT where there is nothing, and where no more can be told than a change."""

    part: Part
    name: str = ""
    """Of the parameter, the package and so on; empty where there is one only."""
    old: JsonValue = ABSENT
    new: JsonValue = ABSENT
    lines: tuple[str, ...] = ()
    """In the place of old and new texts: what ``difflib`` says of their lines."""
    note: str = ""
    """What else there is to say."""
    origin: Origin | None = None
    """Where the new value comes from."""

    def to_document(self) -> dict[str, Any]:
        """The form that programs read; see docs/explain.md."""
        document: dict[str, Any] = {"part": str(self.part), "name": self.name or None}
        if self.old is not ABSENT:
            document["old"] = self.old
        if self.new is not ABSENT:
            document["new"] = self.new
        if self.lines:
            document["diff"] = list(self.lines)
        if self.note:
            document["note"] = self.note
        if self.origin is not None:
            document["from"] = self.origin.to_document()
        return document

    def words(self) -> str:
        """One line for people."""
        title = f"{self.part.replace('_', ' ')} {self.name}".rstrip()
        if self.lines:
            return f"{title}: {_count(self.lines)}{self._more()}"
        if self.old is ABSENT and self.new is ABSENT:
            return f"{title}: {self.note}" if self.note else f"{title}: changed"
        return f"{title}: {shown(self.old)} → {shown(self.new)}{self._more()}"

    def _more(self) -> str:
        notes = [self.note] if self.note else []
        if self.origin is not None and self.origin.task:
            notes.append(f"output {self.origin.name} of {self.origin.task}")
        elif self.origin is not None and self.origin.name != self.name:
            notes.append(f"the run's {self.origin.name}")
        return f" ({'; '.join(notes)})" if notes else ""


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values make no difference to a key."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return write(one, format_exactly) == write(other, format_exactly)


def of_members(
    part: Part, old: Mapping[str, JsonValue], new: Mapping[str, JsonValue], *, comparable: bool = True
) -> list[Difference]:
    """The members that differ, by name. Sealed ones are not shown, nor compared unless they are ``comparable``."""
    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if same(before, after):
            continue
        if not (is_sealed(before) or is_sealed(after)):
            found.append(Difference(part, name, before, after))
        elif comparable or before is ABSENT or after is ABSENT:
            found.append(Difference(part, name, note=_masked(before, after)))
    return found


def is_sealed(value: JsonValue) -> bool:
    """Whether it stands for a value that must not be shown."""
    return isinstance(value, str) and _SEALED.fullmatch(value) is not None


def _masked(before: JsonValue, after: JsonValue) -> str:
    if before is ABSENT:
        return "a masked value was added"
    return "a masked value was removed" if after is ABSENT else MASKED


def shown(value: JsonValue) -> str:
    """A value in a few words."""
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    if re.fullmatch(r"(sha256:)?[0-9a-f]{64}", text):
        return text.removeprefix("sha256:")[:12]
    text = text.replace("\n", "⏎")
    return text if len(text) <= 60 else f"{text[:59]}…"


def _count(lines: tuple[str, ...]) -> str:
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    counts = [
        f"{count} {'line' if count == 1 else 'lines'} {word}"
        for count, word in ((added, "added"), (removed, "removed"))
        if count
    ]
    return ", ".join(counts)
