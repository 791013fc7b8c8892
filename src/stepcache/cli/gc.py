"""``stepcache gc``: delete what was not used for long, and find damaged outputs."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepcache.cli.gc_work import Wish

HELP = "delete what was not used for long, and find damaged outputs"
EPILOG = """Entries go before artifacts, least recently used first; nothing goes that a live run relies on. Without
limits, only what no entry refers to goes. Safe at any time, beside any number of runs.

examples:
  stepcache gc --older-than P30D --dry-run
  stepcache gc --max-size 10GB
  stepcache gc --older-than P30D --runs
  stepcache gc --verify

exit codes:
  0 done, 1 --verify found damage, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--older-than", metavar="TIME", help="entries that were not used for so long, such as P30D or PT12H"
    )
    parser.add_argument(
        "--max-size", metavar="SIZE", help="entries with artifacts until all have so many bytes, such as 10GB"
    )
    parser.add_argument(
        "--runs", action="store_true", help="also the record and the logs of runs that ended longer ago"
    )
    parser.add_argument(
        "--verify", action="store_true", help="first read every output again; entries with damaged ones go"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would go; change nothing")
    parser.add_argument("--entries-only", action="store_true", help="leave artifacts alone")
    parser.add_argument(
        "--also-store",
        metavar="URL",
        action="append",
        default=[],
        help="another store with the same artifacts: what it refers to stays; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Collect, and tell what went. Raises InputError and StoreUnavailableError."""
    from stepcache.cli import event_loop, gc_work

    wish = _wish(arguments)
    work = event_loop.run(gc_work.collect(arguments, wish))
    if arguments.json:
        print(json.dumps(work.to_document()))
    else:
        from stepcache.cli import gc_report

        gc_report.show(work)
    return 1 if work.verification is not None and work.verification.damaged else 0


def _wish(arguments: argparse.Namespace) -> Wish:
    from stepcache.cache import staleness
    from stepcache.cli import amounts
    from stepcache.cli.gc_work import Wish
    from stepcache.errors import InputError

    older_than = None if arguments.older_than is None else staleness.seconds(arguments.older_than)
    if older_than is not None and older_than < 0:
        raise InputError(f"--older-than is '{arguments.older_than}', which is no age", remedy="such as P30D")
    if arguments.runs and older_than is None:
        raise InputError("--runs needs an age", remedy="give --older-than, such as --older-than P30D")
    return Wish(
        older_than=older_than,
        max_size=None if arguments.max_size is None else amounts.parse_size(arguments.max_size),
        runs=arguments.runs,
        verify=arguments.verify,
        dry_run=arguments.dry_run,
        entries_only=arguments.entries_only,
        also_stores=tuple(arguments.also_store),
    )
