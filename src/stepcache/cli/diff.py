"""``stepcache diff``: how two runs differ."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from stepcache.cli import completers, event_loop, places

if TYPE_CHECKING:
    from stepcache.pipelines.explaining.run_difference import RunDifference

HELP = "tell how two runs differ: parameters, tasks, parts, outputs, results"
EPILOG = """RUN is 'latest', the id of a run, or the beginning of one. Nothing is run or changed.

examples:
  stepcache diff 1f0c latest
  stepcache diff 1f0c 9b3e --json | jq '.tasks[] | {name, differs_in}'

exit codes:
  0 compared, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache diff``."""
    old = parser.add_argument("old", metavar="RUN", help="the run to start from")
    new = parser.add_argument("new", metavar="RUN", help="the run in which something is different")
    for run in (old, new):
        completers.attach(run, completers.runs)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the difference."""
    found = event_loop.run(_compared(arguments))
    if arguments.json:
        print(json.dumps(found.to_document()))
    else:
        from stepcache.cli import console, difference_tree

        console.show(difference_tree.of(found))
    return 0


async def _compared(arguments: argparse.Namespace) -> RunDifference:
    from stepcache.cli import run_reference
    from stepcache.pipelines.explaining.comparer import Comparer
    from stepcache.pipelines.explaining.explainer import Explainer

    async with places.opened_to_read(arguments) as here:
        old = await run_reference.resolve(arguments.old, here.store)
        new = await run_reference.resolve(arguments.new, here.store)
        return await Comparer(here.store, Explainer(here.store, here.settings.home)).compare(old, new)
