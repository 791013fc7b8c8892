"""Hiding the values of secrets in what is printed or kept.

A value is found where it stands whole, without the white space around it, as it is or as JSON, Python or a URL
writes it; and of a value of several lines each line, since logs are read by line. In another encoding, such as
Base64, compressed, or cut into pieces it is not found.
Imports the standard library only: the process that watches a step's output uses it too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MASK = "****"
"""What stands in a value's place."""

SHORTEST = 4
"""Bytes of the shortest value that is looked for: shorter ones occur everywhere by chance."""

_SHORTEST_LINE = 8  # of a value of several lines: its short lines, such as brackets, are no secrets by themselves
_CHUNK = 1 << 20


def spans(value: bytes) -> list[tuple[int, int]]:
    """The parts of a secret's value that give it away: from and to, of each."""
    if b"\n" not in value.strip():
        start = len(value) - len(value.lstrip())
        end = len(value.rstrip())
        return [(start, end)] if end - start >= SHORTEST else []
    found, position = [], 0
    for line in value.splitlines(keepends=True):
        start = position + len(line) - len(line.lstrip())
        end = position + len(line.rstrip())
        if end - start >= _SHORTEST_LINE:
            found.append((start, end))
        position += len(line)
    return found


def forms(text: str) -> dict[str, str]:
    """The ways in which a text is written, by name; one that is the same as another is there once."""
    import json
    from urllib.parse import quote

    written = {
        "plain": text,
        "json": json.dumps(text, ensure_ascii=False)[1:-1],
        "json-ascii": json.dumps(text)[1:-1],
        "python": repr(text)[1:-1],
        "url": quote(text, safe="", errors="surrogatepass"),
    }
    return {name: form for form, name in {form: name for name, form in reversed(written.items())}.items()}


class Redactor:
    """Replaces what it was told to look for by ``MASK``. False when that is nothing."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        # The longest first: of two that begin at the same place the longer one goes.
        self.needles = tuple(sorted(set(needles), key=lambda needle: (-len(needle), needle)))
        """What is looked for."""
        self.pattern = re.compile(b"|".join(re.escape(needle) for needle in self.needles))
        """Finds any of them; of no use when there are none."""

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Redactor:
        """The redactor that hides these values of secrets."""
        return cls(form for value in values for start, end in spans(value) for form in _in_bytes(value[start:end]))

    def __bool__(self) -> bool:
        return bool(self.needles)

    def data(self, data: bytes) -> bytes:
        """``data`` with every value masked."""
        return self.pattern.sub(MASK.encode(), data) if self.needles else data

    def text(self, text: str) -> str:
        """``text`` with every value masked."""
        if not self.needles:
            return text
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def finds(self, data: bytes) -> bool:
        """Whether a value is in ``data``."""
        return bool(self.needles) and self.pattern.search(data) is not None

    def file(self, path: Path) -> bool:
        """Mask the file at ``path``; whether there was anything to mask. A file that is not there has nothing.

        Whoever reads it sees either the old file or the masked one, whole. Raises OSError.
        """
        if not self.needles or not path.is_file() or not self._is_in(path):
            return False
        new = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
        try:
            stream = RedactingStream(self)
            with path.open("rb") as old, new.open("xb") as masked:
                new.chmod(path.stat().st_mode & 0o777)
                while chunk := old.read(_CHUNK):
                    masked.write(stream.feed(chunk))
                masked.write(stream.end())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        return True

    def anywhere_in(self, path: Path) -> bool:
        """Whether a value is in the file at ``path``, or in a file or a file's name below it. Raises OSError."""
        if not self.needles:
            return False
        if not path.is_dir():
            return path.is_file() and self._is_in(path)
        return any(
            self.finds(os.fsencode(item.name)) or (item.is_file() and self._is_in(item)) for item in path.rglob("*")
        )

    def _is_in(self, path: Path) -> bool:
        tail, overlap = b"", len(self.needles[0]) - 1
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if self.finds(tail + chunk):
                    return True
                tail = (tail + chunk)[-overlap:] if overlap else b""
        return False


def _in_bytes(needle: bytes) -> list[bytes]:
    try:
        text = needle.decode("utf-8")
    except UnicodeDecodeError:
        return [needle]
    return [form.encode("utf-8", "surrogatepass") for form in forms(text).values()]


class RedactingStream:
    """Masks what arrives piece by piece, wherever the pieces are cut."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown of all that has arrived; the beginning of a value is held back."""
        data = self._held + data
        keep = max((_overlap(data, needle) for needle in self._redactor.needles), default=0)
        # A value that ends inside the part held back is masked with it, once that part is complete.
        ready = len(data) - keep
        for match in self._redactor.pattern.finditer(data) if keep else ():
            if match.start() < ready < match.end():
                ready = match.start()
        self._held = data[ready:]
        return self._redactor.data(data[:ready])

    def end(self) -> bytes:
        """The rest: nothing more arrives, so what was held back is no value."""
        held, self._held = self._held, b""
        return self._redactor.data(held)


def _overlap(data: bytes, needle: bytes) -> int:
    """How many of the last bytes of ``data`` are the first ones of ``needle``, all of ``needle`` not counted."""
    position = max(0, len(data) - len(needle) + 1)
    while (position := data.find(needle[:1], position)) >= 0:
        if needle.startswith(data[position:]):
            return len(data) - position
        position += 1
    return 0
