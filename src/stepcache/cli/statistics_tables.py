"""Statistics as people see them: one line that answers, then tables with bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from stepcache.pipelines.explaining import spans

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stepcache.pipelines.statistics import Statistics, Tally
    from stepcache.stores.counts import Unreused

_WIDEST_BAR = 30
_NARROWEST_BAR = 8
_BESIDE_A_BAR = 46
"""Columns that the rest of a table with bars takes."""
_REUSED = ("█", "green")
_EXECUTED = ("░", "yellow")
_MOST_ROWS = 20
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def of(found: Statistics, *, width: int) -> RenderableType:
    """All of it, for a terminal of this width."""
    return Group(*_parts(found, max(_NARROWEST_BAR, min(_WIDEST_BAR, width - _BESIDE_A_BAR))))


def _parts(found: Statistics, widest: int) -> Iterator[RenderableType]:
    total = found.total
    yield Text(_headline(found), style="bold")
    yield _numbers(found)
    if not total.tasks:
        return
    yield Text("")
    yield _reasons(found.misses_by_reason, widest)
    if len(found.pipelines) > 1:
        yield Text("")
        yield _bars("pipeline", found.pipelines, widest)
    yield Text("")
    yield _bars(str(found.interval), found.over_time, widest, last=True)
    if found.never_reused:
        yield Text("")
        yield _unreused(found.never_reused)


def _headline(found: Statistics) -> str:
    total = found.total
    where = f" of {found.pipeline}" if found.pipeline is not None else ""
    if not total.tasks:
        return f"no task{where} has come to the cache yet" if not found.since else f"no task{where} since then"
    share = round(100 * total.reused / total.tasks)
    return (
        f"{total.reused} of {total.tasks} tasks{where} reused ({share}%), {spans.words(total.seconds_saved)} saved"
    )


def _numbers(found: Statistics) -> Table:
    total, entries = found.total, found.entries
    nested = f", {entries.nested} of them for nested pipelines" if entries.nested else ""
    table = Table.grid(padding=(0, 2))
    table.add_row("tasks", f"{total.hits} hits, {total.shared} shared, {total.misses} misses, {total.off} off")
    table.add_row(
        "time", f"{spans.words(total.seconds_saved)} saved, {spans.words(total.seconds_executed)} executed"
    )
    table.add_row("entries", f"{entries.entries} for {entries.keys} keys, {found.duplicates} duplicates{nested}")
    shared = size(entries.named - entries.kept)
    table.add_row("artifacts", f"{entries.artifacts}, {size(entries.kept)} kept, {shared} saved by sharing")
    return table


def _reasons(counts: Mapping[str, int], widest: int) -> Table:
    table = _table("executed because", "tasks", "")
    each = widest / max(counts.values())
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        if count:
            table.add_row(reason.replace("_", " "), str(count), _bar(((count, _EXECUTED),), each))
    return table


def _bars(title: str, tallies: Mapping[str, Tally], widest: int, *, last: bool = False) -> Table:
    """A row with a bar for each; of too many, the first or the ``last``."""
    table = _table(title, "reused", "executed", "saved", f"{_REUSED[0]} reused {_EXECUTED[0]} executed")
    rows = list(tallies.items())
    shown = rows[-_MOST_ROWS:] if last else rows[:_MOST_ROWS]
    each = widest / max(tally.tasks for _, tally in shown)
    if last and len(shown) < len(rows):
        table.add_row(f"… {len(rows) - len(shown)} earlier")
    for name, tally in shown:
        bar = _bar(((tally.reused, _REUSED), (tally.executed, _EXECUTED)), each)
        table.add_row(name, str(tally.reused), str(tally.executed), spans.words(tally.seconds_saved), bar)
    if not last and len(shown) < len(rows):
        table.add_row(f"… {len(rows) - len(shown)} more")
    return table


def _unreused(found: Sequence[Unreused]) -> Table:
    table = _table("never reused", "pipeline", "executions", "time")
    for one in found:
        component = one.component.removeprefix("comp-")
        table.add_row(component, one.pipeline, str(one.executions), spans.words(one.seconds))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name in others:
        is_number = name not in ("", "pipeline") and _REUSED[0] not in name
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
    return table


def _bar(parts: tuple[tuple[int, tuple[str, str]], ...], each: float) -> Text:
    """The counts beside each other, ``each`` columns for one; what is there at all is seen."""
    text = Text(no_wrap=True, overflow="crop")
    for count, (mark, style) in parts:
        if count:
            text.append(mark * max(1, round(count * each)), style=style)
    return text


def size(count: int) -> str:
    """Bytes in the largest unit of which there is at least one."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
