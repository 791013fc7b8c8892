"""``stepcache entries``: what the cache holds."""

from __future__ import annotations

import argparse

from stepcache.cli import completers, entry_reference, run_options
from stepcache.cli.main import add_places

HELP = "look at the entries of the cache, and remove them"
EPILOG = """examples:
  stepcache entries ls --component train --order largest
  stepcache entries show 4f1c09be
  stepcache entries rm --pipeline train-and-report --older-than P30D --dry-run

'stepcache entries ls --help', and so on, tell more.

exit codes:
  0 done, 1 the removal was not confirmed, 2 bad input, 3 store unavailable"""

ORDERS = ("newest", "oldest", "largest", "hits", "unused")
"""Words for ``stores.entry_browsing.Order``, which is not imported for ``--help``."""

_LIST = """examples:
  stepcache entries ls
  stepcache entries ls 4f1c
  stepcache entries ls --larger-than 100MB --order unused --limit 10"""
_SHOW = """examples:
  stepcache entries show 4f1c09be
  stepcache entries show 4f1c09be --json | jq .parts"""
_REMOVE = """What follows is said before anything is removed. An execution that is going on may end, but not
store its result. The files of the outputs stay until they are collected.

examples:
  stepcache entries rm 4f1c09be
  stepcache entries rm --component train --older-than P30D --dry-run
  stepcache entries rm --larger-than 1GB --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands below this one, and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ls|show|rm", required=True)
    for name, meaning, epilog in (
        ("ls", "list entries, newest first", _LIST),
        ("show", "show all that is stored with an entry, and whether its outputs are intact", _SHOW),
        ("rm", "remove entries, and have what runs now not store its result", _REMOVE),
    ):
        action = actions.add_parser(
            name,
            help=meaning,
            description=f"{meaning[0].upper()}{meaning[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_places(action, suppress=True)
        _ADD[name](action)
        action.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    from stepcache.cli import entry_list, entry_removal, entry_view

    return {"ls": entry_list.run, "show": entry_view.run, "rm": entry_removal.run}[arguments.action](arguments)


def _add_list(parser: argparse.ArgumentParser) -> None:
    key = parser.add_argument("key", nargs="?", default="", metavar="KEY", help="only keys that begin like this")
    completers.attach(key, completers.keys)
    entry_reference.add_filters(parser)
    parser.add_argument("--order", choices=ORDERS, default="newest", help="what comes first")
    parser.add_argument("--limit", type=run_options.positive, default=50, metavar="N", help="at most (default: 50)")


def _add_show(parser: argparse.ArgumentParser) -> None:
    key = parser.add_argument("key", metavar="KEY", help="the key, or its first characters (at least 8)")
    completers.attach(key, completers.keys)


def _add_removal(parser: argparse.ArgumentParser) -> None:
    keys = parser.add_argument("key", nargs="*", metavar="KEY", help="keys, or their first characters (at least 8)")
    completers.attach(keys, completers.keys)
    entry_reference.add_filters(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")


_ADD = {"ls": _add_list, "show": _add_show, "rm": _add_removal}
