"""How far ``stepcache gc --verify`` has come, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepcache.cli import amounts

if TYPE_CHECKING:
    from stepcache.cache.retention.verification import Verification


@contextmanager
def verifying() -> Iterator[Callable[[Verification], None]]:
    """Within the block: a line that is kept up to date; nothing where the errors do not go to a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("reading outputs") as status:
        yield lambda found: status.update(
            f"reading outputs: {found.artifacts} artifacts, {amounts.size(found.bytes)}, of {found.entries} entries"
        )
