"""``stepcache plan``: what a run would reuse, and what it would execute."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from stepcache.cli import event_loop, pipeline_arguments, places, run_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.model import Pipeline
    from stepcache.pipelines.planning.plan import Plan
    from stepcache.pipelines.planning.planned_task import PlannedTask
    from stepcache.pipelines.root_inputs import RootInputs

HELP = "tell what a run would reuse and what it would execute, and why"
EPILOG = """It takes the arguments of 'stepcache run', runs nothing and changes nothing.

examples:
  stepcache plan pipeline.yaml -p epochs=3
  stepcache plan pipeline.yaml --refresh train
  stepcache plan pipeline.yaml --json | jq '.tasks[] | select(.result == "miss") | .name'

exit codes:
  0 planned, 2 bad input, 3 store unavailable"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache plan``: those of ``stepcache run``."""
    pipeline_arguments.add_arguments(parser)
    run_options.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    home = places.settings(arguments).home
    pipeline, inputs, _ = pipeline_arguments.read(arguments, home)
    options = run_options.options(arguments, home)
    plan = event_loop.run(_plan(arguments, home, pipeline, inputs, options))
    if arguments.json:
        print(json.dumps(plan.to_document()))
    else:
        for line in _lines(plan):
            print(line)
    return 0


async def _plan(
    arguments: argparse.Namespace, home: Path, pipeline: Pipeline, inputs: RootInputs, options: Options
) -> Plan:
    from stepcache.pipelines.planning.planner import Planner

    async with places.opened_to_read(arguments) as here:
        planner = Planner(here.cache, here.store, home)
        return await planner.plan(pipeline, inputs, source=str(arguments.file), options=options)


def _lines(plan: Plan) -> Iterator[str]:
    from stepcache.pipelines import task_order

    yield f"plan of pipeline {plan.pipeline}"
    shown = list(_shown(plan))
    names = ["  " * task_order.depth(task.name) + _last(task.name) for task in shown]
    width = min(60, max(map(len, names), default=0))
    for name, task in zip(names, shown, strict=True):
        mark, words = _words(task)
        yield f"  {mark} {name:<{width}}  {words}".rstrip()
    yield _summary(plan)


def _shown(plan: Plan) -> Iterator[PlannedTask]:
    """The tasks, without those of a DAG that is reused as a whole."""
    whole = "\0"
    for task in plan.tasks:
        if not task.name.startswith(whole):
            yield task
        if task.tasks:
            whole = f"{task.name}/"


def _last(name: str) -> str:
    last = name.rpartition("/")[2]
    return last[last.index("[") :] if last.endswith("]") else last


def _words(task: PlannedTask) -> tuple[str, str]:
    from stepcache.pipelines.planning.planned_task import Outlook

    if task.outlook is Outlook.HIT:
        words = f"reused as a whole: {task.tasks} tasks" if task.tasks else "reused"
        return "=", f"{words}{_seconds(', saving', task)}"
    if task.outlook in (Outlook.MISS, Outlook.OFF):
        return "+", f"executed: {task.reason.replace('_', ' ')}{_seconds('; the last time', task)}"
    if task.outlook is Outlook.SKIPPED:
        return "-", task.note or "skipped: its condition does not hold"
    if task.outlook is Outlook.UNKNOWN:
        return "?", _unknown(task)
    return ("!", f"fails: {task.note}") if task.note else (" ", "")


def _unknown(task: PlannedTask) -> str:
    from stepcache.pipelines.planning.planned_task import Until

    causes = ", ".join(task.waits_for)
    return {
        Until.INPUTS: f"unknown until {causes} has run",
        Until.CONDITION: f"whether it is started is unknown until {causes} has run",
        Until.PACKAGES: f"unknown until its packages are resolved: {task.note}",
        Until.IMAGE: f"unknown until its image is pulled: {task.note}",
        Until.EXECUTING: f"{task.note}: the run would wait for that",
        Until.SAME_KEY: f"the same as {causes}, whose result it would take",
    }[Until(task.reason)]


def _seconds(words: str, task: PlannedTask) -> str:
    return f"{words} {task.seconds:.1f} s" if task.seconds else ""


def _summary(plan: Plan) -> str:
    summary = plan.summary
    saved = f" (saving {summary.seconds_saved:.1f} s)" if summary.seconds_saved else ""
    spent = f" (the last time {summary.seconds_to_execute:.1f} s)" if summary.seconds_to_execute else ""
    parts = [f"{summary.reused} reused{saved}", f"{summary.to_execute} to execute{spent}"]
    parts += [f"{summary.unknown} unknown"] if summary.unknown else []
    parts += [f"{summary.skipped} skipped"] if summary.skipped else []
    return ", ".join(parts)
