"""``stepcache migrate``: bring the tables of a store to this release."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from stepcache.cli import event_loop

if TYPE_CHECKING:
    from stepcache.stores.opening import Migrated

HELP = "bring the tables of a store to this release"

EPILOG = """What is stored is kept. An empty database gets its tables when it is first used, and an SQLite file
those of this release when it is opened; a database on a server that an older release made is
changed by this command only. It needs the right to create and alter tables.

examples:
  stepcache migrate
  stepcache --store postgresql://cache@db.example.com/cache migrate

exit codes: 0 the tables are those of this release; 2 bad input; 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and say from which version to which. Raises InputError and StoreUnavailableError."""
    from stepcache.settings import Settings
    from stepcache.stores import opening

    settings = Settings.resolve(home=arguments.home, store=arguments.store, artifacts=arguments.artifacts)
    migrated = event_loop.run(opening.migrate(settings.store))
    print(_json(migrated) if arguments.json else _sentence(migrated))
    return 0


def _json(migrated: Migrated) -> str:
    return json.dumps(
        {
            "store": migrated.url,
            "before": migrated.before or None,
            "after": migrated.after,
            "changed": migrated.before != migrated.after,
        }
    )


def _sentence(migrated: Migrated) -> str:
    if migrated.before == migrated.after:
        return f"{migrated.url} has the tables of this release (version {migrated.after})"
    if not migrated.before:
        return f"{migrated.url} got its tables (version {migrated.after})"
    return f"{migrated.url} was brought from version {migrated.before} to {migrated.after}"
