"""``stepcache runs``: the runs there were."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from stepcache.cli import completers, event_loop, places, run_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepcache.stores.run_browsing import Tally
    from stepcache.stores.runs import RunRow

HELP = "list the runs, newest first"
EPILOG = """examples:
  stepcache runs
  stepcache runs --pipeline train-and-report --state FAILED --limit 5
  stepcache runs --json | jq -r '.[0].run_id'

exit codes:
  0 listed, 2 bad input, 3 store unavailable"""

STATES = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED")
STYLES = {"SUCCEEDED": "green", "FAILED": "red", "CANCELED": "yellow", "RUNNING": "cyan"}
"""How states look on a terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache runs``."""
    pipeline = parser.add_argument("--pipeline", metavar="NAME", help="only runs of this pipeline")
    completers.attach(pipeline, completers.pipelines)
    parser.add_argument("--state", choices=STATES, type=str.upper, help="only runs in this state")
    parser.add_argument(
        "--limit", type=run_options.positive, default=20, metavar="N", help="how many at most (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list instead")


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    runs, tallies = event_loop.run(_found(arguments))
    if arguments.json:
        print(json.dumps([_document(row, tallies[row.run_id]) for row in runs]))
    elif runs:
        _print(runs, tallies)
    else:
        print("no run was found")
    return 0


async def _found(arguments: argparse.Namespace) -> tuple[Sequence[RunRow], Mapping[str, Tally]]:
    async with places.store_to_read(arguments) as store:
        runs = await store.find_runs(pipeline=arguments.pipeline, state=arguments.state, limit=arguments.limit)
        return runs, await store.tallies([row.run_id for row in runs])


def seconds(row: RunRow) -> float:
    """How long the run took, or has taken so far."""
    return max(0.0, (row.finished_at or time.time()) - row.created_at)


def state(row: RunRow) -> str:
    """The run's state in a word; of one whose engine died and that nobody has ended yet, what it really is."""
    return "killed" if is_killed(row) else row.state.lower()


def is_killed(row: RunRow) -> bool:
    """Whether the run is recorded as running, and its engine is seen to be dead."""
    from stepcache.cache.holder import Holder

    return row.state == "RUNNING" and Holder.parse(row.holder).is_gone()


def _document(row: RunRow, tally: Tally) -> dict[str, Any]:
    from stepcache.cli import amounts

    return {
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "namespace": row.namespace,
        "state": row.state,
        "killed": is_killed(row),
        "source": row.source,
        "created_at": amounts.timestamp(row.created_at),
        "finished_at": amounts.timestamp(row.finished_at),
        "duration_seconds": round(seconds(row), 3),
        "executed": tally.executed,
        "reused": tally.reused,
        "shared": tally.shared,
        "failed": tally.failed,
        "saved_seconds": round(tally.saved, 3),
        "error": row.error or None,
    }


def _print(runs: Sequence[RunRow], tallies: Mapping[str, Tally]) -> None:
    from rich.text import Text

    from stepcache.cli import amounts, run_reference, table

    short = run_reference.shortened(row.run_id for row in runs)
    counts = [tallies[row.run_id] for row in runs]
    states = [Text(state(row), style=STYLES.get(row.state, "")) for row in runs]
    table.show(
        [
            table.Column("run", [short[row.run_id] for row in runs], style="bold"),
            table.Column("pipeline", [row.pipeline for row in runs], shrinks=True),
            table.Column("state", states),
            table.Column("when", [amounts.moment(row.created_at) for row in runs], rank=2),
            table.Column("took", [amounts.duration(seconds(row)) for row in runs], "right", rank=4),
            table.Column("executed", [str(tally.executed) for tally in counts], "right", rank=3),
            table.Column("reused", [str(tally.reused + tally.shared) for tally in counts], "right", rank=1),
            table.Column("failed", [str(tally.failed) for tally in counts], "right", rank=6),
            table.Column("saved", [amounts.duration(tally.saved) for tally in counts], "right", rank=5),
        ]
    )
