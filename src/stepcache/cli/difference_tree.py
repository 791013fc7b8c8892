"""The difference of two runs as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from stepcache.cli import explanation_tree
from stepcache.pipelines.explaining import spans

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stepcache.pipelines.explaining.run_difference import RunDifference, TaskDifference

_MOST_LINES = 12
_MOST_NAMES = 20


def of(found: RunDifference) -> RenderableType:
    """A tree that answers in its first line."""
    names = f"{found.old.run_id[:8]} → {found.new.run_id[:8]}"
    tree = Tree(Text(f"{names}: {_headline(found)}", style="bold"), guide_style="dim")
    if found.old.pipeline != found.new.pipeline:
        tree.add(Text(f"pipeline: {found.old.pipeline} → {found.new.pipeline}"))
    if found.old.state != found.new.state:
        tree.add(Text(f"state: {found.old.state} → {found.new.state}"))
    for difference in found.parameters:
        tree.add(Text(f"the run's {difference.words()}"))
    for words, tasks in (("only in the first", found.only_in_old), ("only in the second", found.only_in_new)):
        if tasks:
            more = f" and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
            tree.add(Text(f"{words}: {', '.join(tasks[:_MOST_NAMES])}{more}"))
    for task in found.tasks:
        _task(tree, task)
    return tree


def _headline(found: RunDifference) -> str:
    if found.is_empty:
        return f"the same in all of {found.same} tasks"
    alone = len(found.only_in_old) + len(found.only_in_new)
    counts = [
        (len(found.parameters), "parameter", "parameters"),
        (len(found.tasks), "task differs", "tasks differ"),
        (alone, "task in one only", "tasks in one only"),
    ]
    told = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return f"{', '.join(told)}; {found.same} the same"


def _task(tree: Tree, task: TaskDifference) -> None:
    branch = tree.add(Text.assemble((task.new.name, "bold"), "  ", (", ".join(task.aspects), "yellow")))
    if task.causes:
        branch.add(Text(explanation_tree.because(task.causes)))
    else:
        for difference in task.differences:
            explanation_tree.add_difference(branch, difference, _MOST_LINES)
    if task.is_nondeterministic:
        names = ", ".join(output.name for output in task.outputs)
        branch.add(Text(f"non-deterministic: the same execution left another {names}", style="magenta"))
    else:
        for output in task.outputs:
            branch.add(Text(f"output {output.name}: {explanation_tree.values(output.old, output.new)}"))
    if "result" in task.aspects:
        branch.add(Text(f"result: {task.old.result} → {task.new.result}", style="dim"))
    if "state" in task.aspects:
        branch.add(Text(f"state: {task.old.state} → {task.new.state}", style="dim"))
    if "duration" in task.aspects:
        old, new = task.seconds
        branch.add(Text(f"duration: {spans.words(old)} → {spans.words(new)}", style="dim"))
