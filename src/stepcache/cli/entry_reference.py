"""Which entries a command is about: keys, or the beginnings of them, and filters."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from stepcache.cli import completers

if TYPE_CHECKING:
    from stepcache.errors import InputError
    from stepcache.stores.entry_browsing import EntryBrowsing, EntryFilter, EntrySummary

SHORTEST = 8
"""How many characters the beginning of a key needs, to name one entry."""

_WHOLE = 64
_SHOWN = 16
_CANDIDATES = 5
_is_hex = re.compile(r"[0-9a-f]{1,64}").fullmatch
_FILTERS = ("component", "pipeline", "namespace", "older_than", "larger_than")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that choose entries by what is known of them."""
    parser.add_argument("--component", metavar="NAME", help="of this component; 'comp-' may be left out")
    pipeline = parser.add_argument("--pipeline", metavar="NAME", help="stored by a run of this pipeline")
    completers.attach(pipeline, completers.pipelines)
    parser.add_argument("--namespace", metavar="NAME", help="of this namespace")
    parser.add_argument("--older-than", metavar="DURATION", help="of a greater age, as P7D or in seconds")
    parser.add_argument("--larger-than", metavar="SIZE", help="with more bytes of artifacts, as 10MB or 2GiB")


def has_filter(arguments: argparse.Namespace) -> bool:
    """Whether one of them was given."""
    return any(getattr(arguments, name) is not None for name in _FILTERS)


def wanted(arguments: argparse.Namespace, prefix: str = "") -> EntryFilter:
    """What the options choose, of the entries whose key begins with ``prefix``. Raises InputError."""
    from stepcache.cache import staleness
    from stepcache.cli import amounts
    from stepcache.stores.entry_browsing import EntryFilter

    _check(prefix)
    return EntryFilter(
        prefix,
        arguments.component,
        arguments.pipeline,
        arguments.namespace,
        None if arguments.older_than is None else staleness.seconds(arguments.older_than),
        None if arguments.larger_than is None else amounts.parse_size(arguments.larger_than),
    )


async def find(store: EntryBrowsing, text: str) -> EntrySummary | None:
    """The one entry whose key ``text`` is, or begins; None when ``text`` is a whole key that has no entry.

    Raises InputError, with the candidates, when it names no entry, or several.
    """
    from stepcache.errors import InputError
    from stepcache.stores.entry_browsing import EntryFilter

    _check(text)
    if len(text) < SHORTEST:
        raise InputError(
            f"'{text}' is too short to name an entry",
            remedy=f"give its key, or at least {SHORTEST} characters of it; 'stepcache entries ls' lists them",
        )
    found = await store.find_entries(EntryFilter(text), limit=_CANDIDATES + 1)
    if len(found) > 1:
        listed = [f"{entry.key[:_SHOWN]} ({entry.task or 'of another program'})" for entry in found[:_CANDIDATES]]
        listed += ["…"] if len(found) > _CANDIDATES else []
        raise InputError(
            f"'{text}' begins the keys of several entries: {', '.join(listed)}", remedy="give more of it"
        )
    if not found and len(text) < _WHOLE:
        raise missing(text)
    return found[0] if found else None


async def find_there(store: EntryBrowsing, text: str) -> EntrySummary:
    """The same; InputError also for a whole key that has no entry."""
    entry = await find(store, text)
    if entry is None:
        raise missing(text)
    return entry


def missing(text: str) -> InputError:
    """The error for a key, or the beginning of one, that no entry has."""
    from stepcache.errors import InputError

    return InputError(
        f"there is no entry '{text}'", remedy="'stepcache entries ls' lists them; or name another --home or --store"
    )


def _check(text: str) -> None:
    from stepcache.errors import InputError

    if text and _is_hex(text) is None:
        raise InputError(
            f"'{text}' begins no key", remedy="a key has 64 lower-case hex digits; give some of the first"
        )
