"""``stepcache show``: one run."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from stepcache.cli import event_loop, places, run_reference
from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.text import Text

    from stepcache.stores.run_browsing import Tally
    from stepcache.stores.runs import RunRow, TaskRow

HELP = "show a run: its parameters, its tasks and what became of them"
EPILOG = """examples:
  stepcache show latest
  stepcache show 3f2a --outputs
  stepcache show latest --json | jq '.tasks[] | select(.result == "miss") | .name'

exit codes:
  0 shown, 2 bad input, 3 store unavailable"""

_MARKS = {
    "SUCCEEDED": ("✓", "green"),
    "SKIPPED": ("-", "dim"),
    "FAILED": ("✗", "red"),
    "CANCELED": ("■", "yellow"),
    "RUNNING": ("▸", "cyan"),
}


@dataclass(frozen=True, slots=True)
class _Shown:
    run: RunRow
    tasks: list[TaskRow]
    """In the order in which people read them."""
    tally: Tally
    rerun_of: str
    steps: Mapping[str, int]
    """How many tasks a nested pipeline has that came to the cache, by its path."""
    artifacts: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache show``."""
    run_reference.add_argument(parser)
    parser.add_argument("--outputs", action="store_true", help="show what each task left, too")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    shown = event_loop.run(_found(arguments))
    if arguments.json:
        print(json.dumps(_document(shown)))
    else:
        _print(shown, outputs=arguments.outputs)
    return 0


async def _found(arguments: argparse.Namespace) -> _Shown:
    from collections import Counter

    from stepcache.pipelines import task_order
    from stepcache.stores.run_browsing import around

    async with places.store_to_read(arguments) as store:
        row = await run_reference.resolve(arguments.run, store)
        tasks = task_order.in_order(await store.tasks(row.run_id))
        tallies = await store.tallies([row.run_id])
        request = await store.request(row.run_id)
    steps = Counter(path for task in tasks if task.key for path in around(task.name))
    artifacts = places.settings(arguments).artifacts
    return _Shown(row, tasks, tallies[row.run_id], _rerun_of(request), steps, artifacts)


def _rerun_of(request: str | None) -> str:
    from stepcache.pipelines.run_request import KeptRequest

    try:
        return KeptRequest.from_text(request or "").rerun_of
    except (ValueError, KeyError, TypeError):
        return ""


def _document(shown: _Shown) -> dict[str, Any]:
    from stepcache.cli import amounts, runs

    row = shown.run
    return {
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "namespace": row.namespace,
        "state": row.state,
        "killed": runs.is_killed(row),
        "source": row.source,
        "rerun_of": shown.rerun_of or None,
        "created_at": amounts.timestamp(row.created_at),
        "finished_at": amounts.timestamp(row.finished_at),
        "duration_seconds": round(runs.seconds(row), 3),
        "parameters": json.loads(row.parameters),
        "outputs": json.loads(row.outputs),
        "error": row.error or None,
        "executed": shown.tally.executed,
        "reused": shown.tally.reused,
        "shared": shown.tally.shared,
        "failed": shown.tally.failed,
        "saved_seconds": round(shown.tally.saved, 3),
        "tasks": [_task_document(task, shown) for task in shown.tasks],
    }


def _task_document(task: TaskRow, shown: _Shown) -> dict[str, Any]:
    from stepcache.cli import amounts

    document = {
        "name": task.name,
        "component": task.component,
        "state": task.state,
        "result": task.result,
        "reason": task.reason or None,
        "key": task.key or None,
        "started_at": amounts.timestamp(task.started_at),
        "finished_at": amounts.timestamp(task.finished_at),
        "duration_seconds": round(_seconds(task), 3),
        "saved_seconds": round(task.saved, 3),
        "log": task.log or None,
        "error": task.error or None,
        "outputs": json.loads(task.outputs),
    }
    if task.result == "hit" and (tasks := shown.steps.get(task.name, 0)):
        document["tasks"] = tasks
    return document


def _seconds(task: TaskRow) -> float:
    return max(0.0, task.finished_at - task.started_at) if task.started_at and task.finished_at else 0.0


def _print(shown: _Shown, *, outputs: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stepcache.cli.outputs import lines
    from stepcache.cli.table import put

    console = Console(highlight=False, markup=False)
    for line in _head(shown):
        console.print(line, soft_wrap=not console.is_terminal)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(overflow="fold")
    for task in shown.tasks:
        mark, style = _MARKS.get(task.state, ("·", "dim"))
        table.add_row(Text(f"  {mark}", style=style), Text(_name(task)), Text(_words(task, shown)))
        for left in lines(json.loads(task.outputs), shown.artifacts) if outputs else ():
            table.add_row("", Text(""), Text(left, style="dim"))
    put(table, console)
    console.print(_summary(shown))


def _head(shown: _Shown) -> Iterator[Text]:
    from rich.text import Text

    from stepcache.cli import amounts, runs

    row = shown.run
    yield Text(f"run {row.run_id} of pipeline {row.pipeline}", style="bold")
    took = f"took {amounts.duration(runs.seconds(row))}" if row.finished_at else "has not ended"
    yield Text.assemble("  ", (runs.state(row), runs.STYLES.get(row.state, "")), f", {took}")
    yield Text(f"  began {amounts.moment(row.created_at)}, from {row.source}")
    if shown.rerun_of:
        yield Text(f"  runs again what run {shown.rerun_of} ran")
    for name, value in json.loads(row.parameters).items():
        yield Text(f"  {name} = {json.dumps(value, ensure_ascii=False)}")
    if row.error:
        yield Text(f"  {row.error}", style="red")


def _name(task: TaskRow) -> str:
    from stepcache.pipelines import task_order

    last = task.name.rpartition("/")[2]
    return "  " * task_order.depth(task.name) + (last[last.index("[") :] if last.endswith("]") else last)


def _words(task: TaskRow, shown: _Shown) -> str:
    from stepcache.cli import amounts

    if task.state == "FAILED":
        return f"failed: {task.error}"
    if task.state == "SKIPPED":
        return task.error or "skipped: its condition does not hold"
    saved = f", saving {amounts.duration(task.saved)}" if task.saved else ""
    if task.result == "hit":
        inside = shown.steps.get(task.name, 0)
        return f"reused as a whole: {inside} tasks{saved}" if inside else f"reused{saved}"
    if task.result == "shared":
        return f"shared with another run, which executed it{saved}"
    if task.result in ("miss", "off") and task.state == "SUCCEEDED":
        return f"executed in {amounts.duration(_seconds(task))}: {task.reason.replace('_', ' ')}"
    return "" if task.state == "SUCCEEDED" else task.state.lower()


def _summary(shown: _Shown) -> str:
    from stepcache.cli import amounts

    tally = shown.tally
    saved = f" (saving {amounts.duration(tally.saved)})" if tally.saved else ""
    parts = [f"{tally.executed} executed", f"{tally.reused} reused{saved}"]
    parts += [f"{tally.shared} shared"] if tally.shared else []
    parts += [f"{tally.failed} failed"] if tally.failed else []
    return ", ".join(parts)
