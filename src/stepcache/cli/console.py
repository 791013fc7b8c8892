"""Where commands print what people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

_ENDLESS = 10_000

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def console() -> Console:
    """Standard output, as wide as the terminal; without end where it is none."""
    from rich.console import Console

    found = Console(highlight=False, markup=False, emoji=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, emoji=False, width=_ENDLESS)


def show(renderable: RenderableType) -> None:
    """Print it. On a terminal, lines are folded; elsewhere they stay whole, as programs that search them like."""
    there = console()
    if there.is_terminal:
        there.print(renderable)
        return
    with there.capture() as captured:
        there.print(renderable, soft_wrap=True)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
