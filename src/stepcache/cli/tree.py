"""The live task tree that a terminal shows during a run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from stepcache.cli import progress
from stepcache.pipelines import task_order
from stepcache.pipelines.task_record import CacheResult, State, TaskRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stepcache.pipelines.result import RunResult

_MARKS = {
    State.PENDING: ("·", "dim"),
    State.SUCCEEDED: ("✓", "green"),
    State.SKIPPED: ("-", "dim"),
    State.FAILED: ("✗", "red"),
    State.CANCELED: ("■", "yellow"),
}


class Tree:
    """Every task on a line of its own below the DAG it belongs to; finished well beyond the screen are folded."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._console = Console(file=sys.stderr)
        self._tasks: dict[str, TaskRecord] = {}
        self._title = ""
        self._run_id = ""
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=self._console, get_renderable=self._render, refresh_per_second=8, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def run_started(self, run_id: str, pipeline: str) -> None:
        """Name the run."""
        self._run_id = run_id
        self._title = f"{pipeline}  {run_id}"

    def task_changed(self, task: TaskRecord) -> None:
        """Show the task as it stands at the next refresh."""
        self._tasks[task.name] = task

    def note(self, message: str) -> None:
        """Print it above the tree."""
        self._console.print(message, style="dim", markup=False)

    def warn(self, message: str) -> None:
        """Print it above the tree."""
        self._console.print(f"warning: {message}", style="yellow", markup=False)

    def finished(self, result: RunResult) -> None:
        """Leave the last tree standing, and tell how the run ended below it."""
        progress.tell_end(result, self._home)

    def interrupted(self) -> None:
        """Tell how to go on."""
        progress.say(f"run {self._run_id} interrupted; run the same command again: what had finished is reused")

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        rows = task_order.in_order(self._tasks.values())
        room = max(4, self._console.height - 4)
        if len(rows) > room and self._live.is_started:
            rows = _most_telling(rows, room)
        for task in rows:
            table.add_row(self._mark(task), self._name(task), self._words(task))
        if len(rows) < len(self._tasks):
            table.add_row(Text(""), Text(f"… and {len(self._tasks) - len(rows)} more tasks", style="dim"))
        return Group(Text(self._title, style="bold", overflow="ellipsis", no_wrap=True), table)

    def _mark(self, task: TaskRecord) -> RenderableType:
        if task.state is State.RUNNING:
            return self._spinner
        if task.waiting_for:
            return Text("…", style="yellow")
        mark, style = _MARKS[task.state]
        return Text(mark, style=style)

    @staticmethod
    def _name(task: TaskRecord) -> Text:
        last = task.name.rpartition("/")[2]
        shown = last[last.index("[") :] if last.endswith("]") else last
        return Text("  " * task_order.depth(task.name) + shown, overflow="ellipsis", no_wrap=True)

    @staticmethod
    def _words(task: TaskRecord) -> Text:
        words = progress.describe(task)
        if task.state is State.RUNNING and task.result is not CacheResult.NONE:
            words = f"{words} {progress.elapsed(task):.0f} s"
        style = "cyan" if task.result is CacheResult.HIT else "red" if task.state is State.FAILED else "dim"
        return Text(words, style=style, overflow="ellipsis", no_wrap=True)


def _most_telling(rows: list[TaskRecord], room: int) -> list[TaskRecord]:
    """The tasks that people want to see when there is no room for all, in their order."""

    def weight(task: TaskRecord) -> int:
        if task.state in (State.RUNNING, State.FAILED) or task.waiting_for:
            return 0
        return 1 if task.state is State.SUCCEEDED else 2

    chosen = sorted(rows, key=lambda task: (weight(task), -task.finished_at))[:room]
    return task_order.in_order(chosen)
