"""Explanations as people see them: a tree that answers in its first line."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from stepcache.pipelines.explaining import spans
from stepcache.pipelines.explaining.difference import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stepcache.pipelines.explaining.difference import Difference
    from stepcache.pipelines.explaining.entry_explanation import EntryExplanation
    from stepcache.pipelines.explaining.outputs_difference import OutputDifference
    from stepcache.pipelines.explaining.run_explanation import RunExplanation
    from stepcache.pipelines.explaining.task_explanation import TaskExplanation
    from stepcache.pipelines.model import JsonValue
    from stepcache.pipelines.provenance import Origin
    from stepcache.stores.execution import Execution

_INDEX = re.compile(r"\[[0-9]+\]")
_MOST_LINES = 12
_MOST_GROUPS = 20
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def of_run(found: RunExplanation) -> RenderableType:
    """All of a run: what was executed for a reason of its own, and below each what followed."""
    run = found.run
    title = Text(f"run {run.run_id[:8]} of {run.pipeline}: {_headline(found)}", style="bold")
    tree = Tree(title, guide_style="dim")
    told: set[str] = set()
    for alike in _alike(found.roots):
        first = alike[0]
        branch = tree.add(_line(_name(alike), first))
        _details(branch, first, most_lines=_MOST_LINES, told=told)
        for one in alike:
            _followers(branch, one, found)
    for failed in found.tasks:
        if failed.task.result == "none":
            tree.add(_titled(failed.task.name, f"failed: {failed.words.sentence}", "red"))
    return tree


def of_task(found: TaskExplanation) -> RenderableType:
    """One task, with every line that changed."""
    tree = Tree(_line(found.task.name, found), guide_style="dim")
    _details(tree, found, most_lines=None, told=set())
    return tree


def of_entry(found: EntryExplanation) -> RenderableType:
    """The entry of a key."""
    description, entry = found.description, found.entry
    who = f" of {description.component.removeprefix('comp-')}" if description.component else ""
    took = f", took {spans.words(entry.duration)}" if entry.duration else ""
    tree = Tree(
        Text(f"entry {entry.key[:12]}{who}: {spans.words(entry.age)} old{took}", style="bold"), guide_style="dim"
    )
    if description.run_id:
        tree.add(Text(f"made by run {description.run_id}, task {description.task} of {description.pipeline}"))
    if found.made_by is None:
        tree.add(Text("no run has recorded the execution, so it cannot be compared", style="dim"))
    elif not found.differences:
        tree.add(Text("nothing was executed before that could be compared with it", style="dim"))
    for difference in found.differences:
        add_difference(tree, difference, None)
    _compared(tree, found.compared_with)
    _unstable(tree, found.unstable, found.twin)
    return Group(tree)


def values(old: JsonValue, new: JsonValue) -> str:
    """Two values, the old one first, each in a few words."""
    return f"{shown(old)} → {shown(new)}"


def _headline(found: RunExplanation) -> str:
    executed, roots, reused = len(found.executed), len(found.roots), len(found.reused)
    if not executed:
        return f"all of its {reused} tasks were reused" if reused else "no task came to the cache"
    parts = [f"{executed} executed"]
    if roots == 1:
        root = found.roots[0]
        parts = [f"{root.task.name} was executed ({root.words.sentence})"]
        parts += [f"{executed - 1} because of that"] if executed > 1 else []
    elif roots < executed:
        parts = [f"{roots} executed for reasons of their own", f"{executed - roots} because of these"]
    return ", ".join([*parts, f"{reused} reused"])


def _line(name: str, found: TaskExplanation) -> Text:
    if found.causes:
        return _titled(name, f"executed {because(found.causes)}", "yellow")
    if len(found.differences) > 1:
        return _titled(name, f"changed: {len(found.differences)} parts", "yellow")
    return _titled(name, found.words.sentence, "cyan" if found.task.result in ("hit", "shared") else "yellow")


def _titled(name: str, words: str, style: str) -> Text:
    return Text.assemble((name, "bold"), "  ", (words, style))


def because(causes: Iterable[Origin]) -> str:
    """That these outputs changed, in words."""
    by_task: dict[str, list[str]] = {}
    for origin in causes:
        by_task.setdefault(origin.task, []).append(origin.name)
    told = [
        f"{task}'s output{'' if len(names) == 1 else 's'} {', '.join(names)}" for task, names in by_task.items()
    ]
    return f"because {' and '.join(told)} changed"


def _details(tree: Tree, found: TaskExplanation, *, most_lines: int | None, told: set[str]) -> None:
    """What there is to say below a task; a remedy that is ``told`` already is not said again."""
    inline = len(found.differences) == 1 and not found.causes
    for difference in found.differences:
        if inline:
            _lines(tree, difference, most_lines)
        else:
            add_difference(tree, difference, most_lines)
    _compared(tree, found.compared_with)
    _unstable(tree, found.unstable, found.twin)
    if found.task.state == "FAILED" and found.task.error:
        tree.add(Text(f"failed: {found.task.error}", style="red"))
    if found.words.remedy and not found.causes and found.words.remedy not in told:
        told.add(found.words.remedy)
        tree.add(Text(found.words.remedy, style="dim"))


def add_difference(tree: Tree, difference: Difference, most_lines: int | None) -> None:
    """One part that changed; of lines, at most so many."""
    _lines(tree.add(Text(difference.words())), difference, most_lines)


def _lines(tree: Tree, difference: Difference, most: int | None) -> None:
    """The lines that differ, ``most`` of them."""
    some = difference.lines if most is None else difference.lines[:most]
    if some:
        text = Text("\n").join(Text(line, style=_STYLES.get(line[:1], "dim")) for line in some)
        tree.add(text)
    if len(some) < len(difference.lines):
        tree.add(Text(f"… {len(difference.lines) - len(some)} more lines: name the task to see them", style="dim"))


def _compared(tree: Tree, execution: Execution | None) -> None:
    if execution is not None:
        ago = spans.words(max(0.0, time.time() - execution.started_at))
        where = f"run {execution.run_id[:8]}, task {execution.task} of {execution.pipeline}"
        failed = ", which failed" if execution.state == "FAILED" else ""
        tree.add(Text(f"compared with {where}, {ago} ago{failed}", style="dim"))


def _unstable(tree: Tree, outputs: Sequence[OutputDifference], twin: Execution | None) -> None:
    if twin is not None:
        names = ", ".join(output.name for output in outputs)
        text = f"non-deterministic: run {twin.run_id[:8]} executed the same and left another {names}"
        tree.add(Text(text, style="magenta"))


def _followers(branch: Tree, cause: TaskExplanation, found: RunExplanation) -> None:
    """What was executed because of ``cause``, and in turn because of that: on one level, since chains are long."""
    groups: dict[str, list[TaskExplanation]] = {}
    pending = deque([cause])
    while pending:
        for one in found.followers.get(pending.popleft().task.name, ()):
            groups.setdefault(because(one.causes), []).append(one)
            pending.append(one)
    for words, ones in list(groups.items())[:_MOST_GROUPS]:
        names = ", ".join(dict.fromkeys(_INDEX.sub("", one.task.name) for one in ones))
        below = branch.add(Text.assemble((names, "bold"), f": {words}"))
        for one in ones:
            _unstable(below, one.unstable, one.twin)
            if one.task.state == "FAILED":
                below.add(Text(f"{one.task.name} failed: {one.task.error}", style="red"))
    if hidden := sum(len(ones) for ones in list(groups.values())[_MOST_GROUPS:]):
        branch.add(Text(f"… and {hidden} more: --json has them all", style="dim"))


def _alike(tasks: Iterable[TaskExplanation]) -> Iterator[list[TaskExplanation]]:
    """Iterations of one task, and tasks with nothing of their own to tell, that were executed for one reason."""
    groups: dict[object, list[TaskExplanation]] = {}
    for one in tasks:
        said = tuple(difference.words() for difference in one.differences)
        of_its_own = said or one.unstable or one.task.state != "SUCCEEDED"
        name = _INDEX.sub("", one.task.name) if of_its_own else ""
        groups.setdefault((name, one.words, said, one.unstable, one.task.error), []).append(one)
    yield from groups.values()


def _name(alike: Sequence[TaskExplanation]) -> str:
    if len(alike) == 1:
        return alike[0].task.name
    counts = Counter(_INDEX.sub("", one.task.name) for one in alike)
    return ", ".join(name if count == 1 else f"{name} ({count} iterations)" for name, count in counts.items())
