"""What an example shows, as a pattern that what is really printed has to match.

An example has an ID, a moment and a duration of its own. Any other will do in the place of a moment or a duration.
An ID stands for whatever is printed in its place first, and for the same ever after, in commands too. Columns may
be wider or narrower, and ``…`` stands for anything.
"""

from __future__ import annotations

import re

SHORTEST = 4
"""Characters of the beginning of an ID by which commands name it."""

_MOMENT = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+\+00:00)?"
_DURATION = r"(?:\d+\.\d s|\d+ min \d+ s|\d+ h \d+ min)"
_ID = r"(?<![0-9a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,64}(?![0-9a-z])"
_PARTS = re.compile(rf"(?P<moment>{_MOMENT})|(?P<duration>{_DURATION})|(?P<id>{_ID})|(?P<gap>\s+)|(?P<any>…)")
_WORD = re.compile(r"[0-9a-f]+")


class Names:
    """What the IDs of a page's examples stand for."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def in_command(self, line: str) -> str:
        """The command with the real IDs, also where it has the beginning of an ID only."""
        return _WORD.sub(lambda match: self._named(match[0]), line)

    def match(self, shown: str, printed: str) -> bool:
        """Whether ``printed`` is what is shown; remembers the IDs that are new."""
        new: dict[str, str] = {}
        pattern = "".join(self._pattern(shown.strip(), new))
        found = re.fullmatch(pattern, printed.strip(), re.DOTALL)
        if found is None:
            return False
        self._real |= {name: found[group] for name, group in new.items()}
        return True

    def _pattern(self, shown: str, new: dict[str, str]) -> list[str]:
        pieces, end = [], 0
        for part in _PARTS.finditer(shown):
            pieces.append(re.escape(shown[end : part.start()]))
            pieces.append(self._part(part, new))
            end = part.end()
        return [*pieces, re.escape(shown[end:])]

    def _part(self, part: re.Match[str], new: dict[str, str]) -> str:
        if part.lastgroup != "id":
            return {"moment": _MOMENT, "duration": _DURATION, "gap": r"\s+", "any": ".*"}[part.lastgroup or ""]
        name = part[0]
        if name in self._real:
            return re.escape(self._real[name])
        if name in new:
            return f"(?P={new[name]})"
        new[name] = f"id{len(new)}"
        return f"(?P<{new[name]}>[0-9a-f]{{{len(name)}}})"

    def _named(self, word: str) -> str:
        if len(word) < SHORTEST:
            return word
        return next((real for name, real in self._real.items() if name.startswith(word)), word)
