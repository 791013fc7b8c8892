"""A table that fits: on a narrow terminal with fewer columns, in a file or a pipe with all there is to tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.style import StyleType

_GAP = 2
_NARROWEST = 8
_WIDEST = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column with its cells, from the top."""

    title: str
    cells: Sequence[str | Text]
    justify: Literal["left", "right"] = "left"
    rank: int = 0
    """Of those with a rank above 0, the highest is left out first where there is no room."""
    shrinks: bool = False
    """Whether its cells may be cut when leaving columns out was not enough."""
    style: StyleType = ""

    @property
    def width(self) -> int:
        """That of its widest cell."""
        return max(cell_len(str(cell)) for cell in (self.title, *self.cells))


def show(columns: Sequence[Column], console: Console | None = None) -> None:
    """Print the table on standard output."""
    console = console or Console()
    room = console.width if console.is_terminal else None
    shown = list(columns) if room is None else _fitting(columns, room)
    total = _total(shown)
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in shown:
        spare = total - room if room is not None and column.shrinks else 0
        width = column.width if spare <= 0 else max(_NARROWEST, column.width - spare)
        table.add_column(
            column.title, justify=column.justify, style=column.style, no_wrap=True, overflow="ellipsis", width=width
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    put(table, console)


def put(renderable: RenderableType, console: Console) -> None:
    """Print it; where that is no terminal, as wide as it is, and without the space behind the lines."""
    if console.is_terminal:
        console.print(renderable)
        return
    console.width = _WIDEST
    with console.capture() as capture:
        console.print(renderable)
    for line in capture.get().splitlines():
        console.out(line.rstrip(), highlight=False)


def _fitting(columns: Sequence[Column], room: int) -> list[Column]:
    shown = list(columns)
    while _total(shown) > room and (spare := [column for column in shown if column.rank]):
        shown.remove(max(spare, key=lambda column: column.rank))
    return shown


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)
