"""``stepcache demo``: the two promises, seen at work."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stepcache.cli import event_loop, places
from stepcache.errors import StepcacheError

HELP = "eight identical runs at once: each step is executed once"
EPILOG = """example:
  stepcache demo
  stepcache demo --runs 20

Without --home everything happens in a temporary directory, which is removed afterwards."""

PIPELINE = Path(__file__).with_name("demo.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache demo``."""
    parser.add_argument("--runs", type=int, default=8, metavar="N", help="how many runs at once (default: 8)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Start the runs, wait for them, and tell what happened; exit code 1 when a promise was not kept."""
    with _home(arguments) as home:
        if not arguments.json:
            print(f"starting {arguments.runs} processes: stepcache run {PIPELINE.name}", flush=True)
        documents = event_loop.run(_run_all(home, arguments))
        duplicates = event_loop.run(_duplicates(arguments))
    steps = _count(documents)
    kept = not duplicates and all(counts["miss"] <= 1 for counts in steps.values())
    if arguments.json:
        print(json.dumps({"runs": len(documents), "steps": steps, "duplicates": duplicates}))
    else:
        _tell(steps, duplicates, len(documents))
    return 0 if kept else 1


@contextlib.contextmanager
def _home(arguments: argparse.Namespace) -> Iterator[Path]:
    if arguments.home is not None:
        yield Path(arguments.home)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="stepcache-demo-") as directory:
        arguments.home = directory
        yield Path(directory)


async def _run_all(home: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    import asyncio

    command = [sys.executable, "-m", "stepcache", "--home", str(home)]
    for option in ("store", "artifacts"):
        value = getattr(arguments, option)
        command += [f"--{option}", value] if value is not None else []
    runs = (_run(*command, "run", str(PIPELINE), "--json") for _ in range(arguments.runs))
    return list(await asyncio.gather(*runs))


async def _run(*command: str) -> dict[str, Any]:
    import asyncio

    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise StepcacheError(f"a run failed:\n{errors.decode(errors='replace').rstrip()}")
    document: dict[str, Any] = json.loads(output)
    return document


async def _duplicates(arguments: argparse.Namespace) -> list[tuple[str, int]]:
    async with places.opened(arguments) as here:
        return list(await here.store.duplicates())


def _count(documents: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """For each step, how many runs executed it, took it from the cache, or waited for another's execution."""
    results = Counter((task["name"], task["cache"]["result"]) for run in documents for task in run["tasks"])
    names = [task["name"] for task in documents[0]["tasks"]] if documents else []
    return {name: {kind: results[name, kind] for kind in ("miss", "hit", "shared")} for name in names}


def _tell(steps: dict[str, dict[str, int]], duplicates: list[tuple[str, int]], runs: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from stepcache.stores.duplicates import DUPLICATE_QUERY

    table = Table("step", "executed", "reused", "shared", title=f"{runs} identical runs at once")
    for name, counts in steps.items():
        table.add_row(name, *(str(counts[kind]) for kind in ("miss", "hit", "shared")))
    console = Console()
    console.print(table)
    console.print("reused: found in the cache; shared: waited while another run executed it\n", style="dim")
    console.print(DUPLICATE_QUERY, style="bold", markup=False, highlight=False)
    for key, count in duplicates:
        console.print(f"  {key}  {count}", markup=False)
    console.print(f"({len(duplicates) or 'no'} rows)")
