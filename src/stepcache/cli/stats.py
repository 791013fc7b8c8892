"""``stepcache stats``: what was reused and executed, and what that saved."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from stepcache.cli import event_loop, places
from stepcache.errors import InputError

if TYPE_CHECKING:
    from stepcache.pipelines.statistics import Statistics

HELP = "count what was reused and executed, and what that saved"
EPILOG = """examples:
  stepcache stats
  stepcache stats --since P30D --by week
  stepcache stats --pipeline nightly --json | jq .tasks

exit codes:
  0 counted, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache stats``."""
    parser.add_argument("--pipeline", metavar="NAME", help="of this pipeline only")
    parser.add_argument("--since", metavar="DURATION", help="of the last so much time, as P30D or in seconds")
    parser.add_argument("--by", choices=("day", "week"), default="day", help="how time is divided (default: day)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the numbers."""
    found = event_loop.run(_counted(arguments))
    if arguments.json:
        print(json.dumps(found.to_document()))
    else:
        from stepcache.cli import console, statistics_tables

        console.show(statistics_tables.of(found, width=console.console().width))
    return 0


async def _counted(arguments: argparse.Namespace) -> Statistics:
    from stepcache.pipelines import statistics

    since = _since(arguments.since)
    async with places.opened_to_read(arguments) as here:
        return await statistics.gather(
            here.store,
            since=since,
            pipeline=arguments.pipeline,
            interval=statistics.Interval(arguments.by),
        )


def _since(duration: str | None) -> float:
    """The moment from which on is counted; 0 for all time."""
    from stepcache.cache import staleness

    if duration is None:
        return 0.0
    seconds = staleness.seconds(duration)
    if seconds < 0:
        raise InputError(f"--since {duration} is no time before now", remedy="give a duration such as P30D")
    return max(0.0, time.time() - seconds)
