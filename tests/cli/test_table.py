"""Tables, as wide as there is room."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stepcache.cli import table
from stepcache.cli.table import Column

COLUMNS = [
    Column("name", ["short", "a name that is long"], shrinks=True),
    Column("count", ["1", "23"], "right", rank=1),
    Column("note", ["[red]x[/red]", "ü"], rank=2),
]


def shown(width: int | None) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=width is not None, width=width, color_system=None)
    table.show(COLUMNS, console)
    return [line if width is None else line.rstrip() for line in file.getvalue().splitlines()]


def test_everything_is_written_to_a_file() -> None:
    assert shown(None) == [
        "name                 count  note",
        "short                    1  [red]x[/red]",
        "a name that is long     23  ü",
    ]


def test_on_a_narrow_terminal_columns_are_left_out_by_their_rank() -> None:
    assert shown(40)[0] == "name                 count  note"
    assert shown(39)[0] == "name                 count"
    assert shown(25) == ["name", "short", "a name that is long"]


@pytest.mark.parametrize("width", range(8, 60))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(width)
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("short")
    assert ("…" in lines[2]) == (width < 19)
