"""The examples in the documentation, taken out of it so that they can be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/README.md")])
IN_ORDER = ("runs.md", "entries.md", "explain.md", "stats.md")
"""Pages of ``docs`` whose examples follow one another: ``tests/docs`` runs all of a page in one place."""

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^\s*print\(.*\)\s+# (?P<text>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One command of a console example, and what it is shown to print; ``…`` stands for anything."""

    page: Path
    line: str
    shown: str

    @property
    def words(self) -> list[str]:
        """The command line as a shell reads it, without the remark behind it."""
        return shlex.split(self.line, comments=True)

    def __str__(self) -> str:
        return f"{self.page.name}: {' '.join(self.words)}"


def python(page: Path) -> str:
    """All Python of a page, in one piece: an example may use what those before it have made."""
    return "\n".join(text for language, text in blocks(page) if language == "python")


def printed(code: str) -> list[str]:
    """What the code says in remarks behind ``print`` that it prints."""
    return [match["text"] for match in _PRINTED.finditer(code)]


def commands(page: Path) -> Iterator[Command]:
    """Every command of the page's console examples."""
    for language, text in blocks(page):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                line, _, shown = part.partition("\n")
                yield Command(page, line, shown)


def matches(shown: str, output: str) -> bool:
    """Whether ``output`` is what an example shows."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every code block."""
    return [(match["language"], match["text"]) for match in _BLOCK.finditer(page.read_text())]
