"""``stepcache explain``: why tasks were executed and not reused."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING, Any

from stepcache.cli import completers, event_loop, places
from stepcache.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stepcache.pipelines.explaining.explainer import Explainer
    from stepcache.stores.opening import FullStore

HELP = "tell why tasks were executed, and what had changed"
EPILOG = """RUN is 'latest', the id of a run, or the beginning of one. Nothing is run or changed.

examples:
  stepcache explain latest
  stepcache explain latest train
  stepcache explain 1f0c --json | jq '.tasks[].differences[]'
  stepcache explain --entry 3f2a9b

exit codes:
  0 explained, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache explain``."""
    run = parser.add_argument("run", metavar="RUN", nargs="?", help="the run")
    completers.attach(run, completers.runs)
    task = parser.add_argument(
        "task", metavar="TASK", nargs="?", help="one task of it: its path, or the last part of that"
    )
    completers.attach(task, completers.tasks)
    entry = parser.add_argument("--entry", metavar="KEY", help="the entry of this key instead, or of its beginning")
    completers.attach(entry, completers.keys)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    if (arguments.run is None) == (arguments.entry is None):
        raise InputError("name either a run or an entry", remedy="for the newest run: stepcache explain latest")
    document, picture = event_loop.run(_explained(arguments))
    if arguments.json:
        print(json.dumps(document))
    else:
        from stepcache.cli import console

        console.show(picture)
    return 0


async def _explained(arguments: argparse.Namespace) -> tuple[dict[str, Any], RenderableType]:
    """The explanation for programs, and for people."""
    from stepcache.cli import explanation_tree, run_reference, task_reference
    from stepcache.pipelines.explaining.explainer import Explainer

    async with places.opened_to_read(arguments) as here:
        explainer = Explainer(here.store, here.settings.home)
        if arguments.entry is not None:
            return await _entry(arguments.entry, explainer, here.store)
        row = await run_reference.resolve(arguments.run, here.store)
        if arguments.task is None:
            found = await explainer.run(row)
            return found.to_document(), explanation_tree.of_run(found)
        task = task_reference.resolve(arguments.task, await here.store.tasks(row.run_id))
        explained = await explainer.task(row, task)
        return {"run_id": row.run_id, **explained.to_document()}, explanation_tree.of_task(explained)


async def _entry(reference: str, explainer: Explainer, store: FullStore) -> tuple[dict[str, Any], RenderableType]:
    from stepcache.cli import explanation_tree

    if not re.fullmatch(r"[0-9a-f]{1,64}", reference):
        raise InputError(
            f"'{reference}' is no key", remedy="a key is 64 lower-case hex digits; its beginning will do"
        )
    keys = await store.keys_from(reference)
    if len(keys) != 1:
        what = "begins several keys" if keys else "is the beginning of no entry's key"
        raise InputError(f"'{reference}' {what}", remedy="see 'stepcache explain RUN --json' for the keys of a run")
    found = await explainer.entry(keys[0])
    return found.to_document(), explanation_tree.of_entry(found)
