"""What a collection did, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepcache.cli import amounts

if TYPE_CHECKING:
    from rich.table import Table

    from stepcache.cache.retention.freed import Share
    from stepcache.cache.retention.verification import Verification
    from stepcache.cli.gc_work import Work

_WIDE = 1000


def show(work: Work) -> None:
    """Print it."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:  # whoever reads it is not of any width
        console.width = _WIDE
    if work.verification is not None:
        for line in _verified(work.verification, dry_run=work.dry_run):
            console.print(line, markup=False)
    table = _table(work)
    if table is not None:
        console.print(table)
    for line in _lines(work):
        console.print(line, markup=False)


def _table(work: Work) -> Table | None:
    from rich.table import Table

    shares = work.freed.shares()
    if not shares and not work.freed.unreferenced.artifacts:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("would free" if work.dry_run else "freed", overflow="fold")
    for heading in ("entries", "artifacts", "bytes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for share in shares:
        _add(table, "/".join(filter(None, (share.pipeline, share.component))) or "of no pipeline", share)
    if work.freed.unreferenced.artifacts:
        _add(table, "no entry refers to", work.freed.unreferenced)
    _add(table, "total", work.freed.total, style="bold")
    return table


def _add(table: Table, name: str, share: Share, style: str = "") -> None:
    from rich.text import Text

    numbers = (f"{share.entries}", f"{share.artifacts}", amounts.size(share.bytes))
    table.add_row(Text(name), *numbers, style=style)


def _verified(found: Verification, *, dry_run: bool) -> Iterator[str]:
    yield (
        f"read {_count(found.artifacts, 'artifact')} ({amounts.size(found.bytes)}) of"
        f" {_count(found.entries, 'entry', 'entries')}: {len(found.damaged) or 'none'} damaged"
    )
    done = "would be withdrawn" if dry_run else "withdrawn"
    for damage in found.damaged:
        entry = damage.entry
        place = "/".join(filter(None, (entry.pipeline, entry.task or entry.component))) or "of no pipeline"
        yield f"  {place}  {str(damage.reason).replace('_', ' ')}, {done} (key {entry.key[:12]})"


def _lines(work: Work) -> Iterator[str]:
    freed, done = work.freed, "would also be deleted" if work.dry_run else "also deleted"
    if not freed.total.entries and not freed.total.artifacts:
        yield "nothing to free" if work.dry_run else "nothing was to be freed"
    yield f"{amounts.size(work.kept)} of artifacts {'would be ' if work.dry_run else ''}left"
    if freed.in_use:
        yield f"{_count(freed.in_use, 'artifact')} kept that no entry refers to, because a live process uses it"
    others = [
        (work.claims, "claim", "claims"),
        (work.runs.runs, "run", f"runs ({amounts.size(work.runs.bytes)} of logs)"),
        (work.layers.layers, "environment", f"environments ({amounts.size(work.layers.bytes)})"),
        (work.pipelines, "pipeline kept as it was read", "pipelines kept as they were read"),
        (work.leftovers, "leftover of a dead process", "leftovers of dead processes"),
    ]
    told = [_count(number, one, many) for number, one, many in others if number]
    if told:
        yield f"{done}: {', '.join(told)}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
