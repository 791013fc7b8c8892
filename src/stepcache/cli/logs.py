"""``stepcache logs``: what a task printed."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

from stepcache.cli import completers, event_loop, places, run_reference

if TYPE_CHECKING:
    from pathlib import Path

    from stepcache.stores.runs import RunRow, TaskRow

HELP = "print the log of a task, wherever it was executed"
EPILOG = """The log goes to standard output. Of a task that was reused it is that of the execution
it was reused from; which one that was, is said on standard error.

examples:
  stepcache logs latest train
  stepcache logs 3f2a 'for-loop-1[0]/evaluate' | grep accuracy

exit codes:
  0 printed, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache logs``."""
    run_reference.add_argument(parser)
    task = parser.add_argument("task", metavar="TASK", help="its path, or the last part of it if that is unique")
    completers.attach(task, completers.tasks)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    row, task, executed = event_loop.run(_found(arguments))
    home = places.settings(arguments).home
    log = _log(home, row, task, executed)
    if arguments.json:
        print(json.dumps(_document(row, task, executed, log)))
        return 0
    if executed is not None:
        print(_origin(task, executed), file=sys.stderr, flush=True)
    with log.open("rb") as stream:
        shutil.copyfileobj(stream, sys.stdout.buffer)
    sys.stdout.flush()
    return 0


async def _found(arguments: argparse.Namespace) -> tuple[RunRow, TaskRow, TaskRow | None]:
    """The run, the task, and the task of whose execution it has the outputs, if that is another one."""
    from stepcache.cli import task_reference

    async with places.store_to_read(arguments) as store:
        row = await run_reference.resolve(arguments.run, store)
        task = task_reference.resolve(arguments.task, await store.tasks(row.run_id))
        executed = None
        if task.result in ("hit", "shared") and task.key and task.published_by:
            executed = await store.executed_task(task.key, task.published_by)
    return row, task, executed


def _log(home: Path, row: RunRow, task: TaskRow, executed: TaskRow | None) -> Path:
    """Where it is. Raises InputError when there is none."""
    from stepcache.errors import InputError

    name = task.log or (executed.log if executed is not None else "")
    if not name:
        raise InputError(f"task '{task.name}' has no log: {_why(task)}", remedy=f"stepcache show {row.run_id}")
    log = home / name
    if not log.is_file():
        where = _origin(task, executed) if executed is not None else f"it is of run {row.run_id}"
        raise InputError(
            f"the log of task '{task.name}' is not at {log}; {where}",
            remedy="it was removed, or is in the home of the machine that executed the task: name that by --home",
        )
    return log


def _why(task: TaskRow) -> str:
    if task.state == "SKIPPED":
        return "it was skipped"
    if task.state in ("PENDING", "RUNNING", "CANCELED", "FAILED"):
        return f"it is {task.state.lower()}, and was not executed so far" if not task.error else task.error
    return "it is no step, but a nested pipeline, a loop or an importer"


def _origin(task: TaskRow, executed: TaskRow) -> str:
    from stepcache.cli import amounts

    how = "shared with" if task.result == "shared" else "reused from"
    return (
        f"{task.name} was {how} run {executed.run_id}, task {executed.name},"
        f" executed {amounts.moment(executed.finished_at)}"
    )


def _document(row: RunRow, task: TaskRow, executed: TaskRow | None, log: Path) -> dict[str, Any]:
    from stepcache.cli import amounts

    return {
        "run_id": row.run_id,
        "task": task.name,
        "result": task.result,
        "executed": None
        if executed is None
        else {
            "run_id": executed.run_id,
            "task": executed.name,
            "finished_at": amounts.timestamp(executed.finished_at),
        },
        "path": str(log),
        "text": log.read_text(encoding="utf-8", errors="replace"),
    }
