"""``stepcache entries ls``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stepcache.cli import entry_reference, event_loop, places

if TYPE_CHECKING:
    from stepcache.stores.entry_browsing import EntrySummary

_SHOWN = 12


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    entries = event_loop.run(_found(arguments))
    if arguments.json:
        print(json.dumps([document(entry) for entry in entries]))
    elif entries:
        show(entries)
    else:
        print("no entry was found")
    return 0


async def _found(arguments: argparse.Namespace) -> Sequence[EntrySummary]:
    from stepcache.stores.entry_browsing import Order

    wanted = entry_reference.wanted(arguments, arguments.key)
    async with places.store_to_read(arguments) as store:
        return await store.find_entries(wanted, order=Order(arguments.order), limit=arguments.limit)


def document(entry: EntrySummary) -> dict[str, Any]:
    """An entry for programs."""
    from stepcache.cli import amounts

    return {
        "key": entry.key,
        "namespace": entry.namespace or None,
        "pipeline": entry.pipeline or None,
        "component": entry.component or None,
        "task": entry.task or None,
        "run_id": entry.run_id or None,
        "stored_at": amounts.timestamp(entry.started_at),
        "age_seconds": round(entry.age, 3),
        "max_staleness": entry.max_staleness,
        "duration_seconds": round(entry.duration, 3),
        "size": entry.size,
        "hits": entry.hits,
        "used_at": amounts.timestamp(entry.used_at),
    }


def show(entries: Sequence[EntrySummary]) -> None:
    """A table of entries."""
    from stepcache.cli import amounts, table

    table.show(
        [
            table.Column("key", [entry.key[:_SHOWN] for entry in entries], style="bold"),
            table.Column("task", [entry.task or "-" for entry in entries], shrinks=True),
            table.Column("pipeline", [entry.pipeline or "-" for entry in entries], rank=4, shrinks=True),
            table.Column("when", [amounts.moment(entry.started_at) for entry in entries], rank=3),
            table.Column("took", [amounts.duration(entry.duration) for entry in entries], "right", rank=2),
            table.Column("size", [amounts.size(entry.size) for entry in entries], "right", rank=1),
            table.Column("hits", [str(entry.hits) for entry in entries], "right", rank=5),
            table.Column("last used", [amounts.moment(entry.used_at) for entry in entries], rank=6),
        ]
    )
