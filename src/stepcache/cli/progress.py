"""What a person sees while a run goes on: a live tree on a terminal, plain lines elsewhere.

Everything goes to standard error; standard output is for the result.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stepcache.pipelines.task_record import CacheResult, State, TaskRecord

if TYPE_CHECKING:
    from stepcache.pipelines.result import RunResult
    from stepcache.pipelines.values import ArtifactValue

_TAIL_LINES = 20
_BATCH_SECONDS = 0.02
_WIDTH = 160
_SUCCESS = {
    CacheResult.HIT: "reused",
    CacheResult.SHARED: "shared with another run, which executed it",
    CacheResult.NONE: "done",
}


class Progress(Protocol):
    """A listener that also tells how the run ended."""

    def run_started(self, run_id: str, pipeline: str) -> None: ...  # noqa: D102 - see pipelines.listener
    def task_changed(self, task: TaskRecord) -> None: ...  # noqa: D102 - see pipelines.listener
    def note(self, message: str) -> None: ...  # noqa: D102 - see pipelines.listener
    def warn(self, message: str) -> None: ...  # noqa: D102 - see pipelines.listener

    def finished(self, result: RunResult) -> None:
        """The run has ended by itself."""

    def interrupted(self) -> None:
        """The run was stopped from outside."""


@contextmanager
def shown(home: Path) -> Iterator[Progress]:
    """Progress for the standard error there is; a live display ends with the block."""
    if sys.stderr.isatty():
        from stepcache.cli.tree import Tree

        with Tree(home) as tree:
            yield tree
    else:
        lines = Lines(home)
        try:
            yield lines
        finally:
            lines.flush()


class Lines:
    """One line for each change that a reader of a log file would want to know.

    Lines are written in batches, each at once: writing hundreds of reused tasks to a pipe one by one takes as long
    as looking them up.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._told: dict[str, str] = {}
        self._run_id = ""
        self._lines: list[str] = []

    def run_started(self, run_id: str, pipeline: str) -> None:
        """Name the run."""
        self._run_id = run_id
        self._say(f"run {run_id} of pipeline {pipeline}")

    def task_changed(self, task: TaskRecord) -> None:
        """Tell the change if it reads differently from what was told last."""
        line = describe(task)
        if line and self._told.get(task.name) != line:
            self._told[task.name] = line
            self._say(f"{task.name}: {line}")

    def note(self, message: str) -> None:
        """Tell it."""
        self._say(message)

    def warn(self, message: str) -> None:
        """Tell it."""
        self._say(f"warning: {message}")

    def finished(self, result: RunResult) -> None:
        """Tell how the run ended, and of each failed step the end of its log."""
        self.flush()
        tell_end(result, self._home)

    def interrupted(self) -> None:
        """Tell how to go on."""
        self.flush()
        say(f"run {self._run_id} interrupted; run the same command again: what had finished is reused")

    def flush(self) -> None:
        """Write what was not written yet."""
        if self._lines:
            lines, self._lines = self._lines, []
            say("\n".join(lines))

    def _say(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(_BATCH_SECONDS, self.flush)
        self._lines.append(line)


def say(line: str) -> None:
    """Print a line for people."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def describe(task: TaskRecord) -> str:
    """How a task stands, in a few words; empty when there is nothing to tell yet."""
    if task.waiting_for:
        return f"waits for {task.waiting_for}"
    return _TOLD[task.state](task)


def _running(task: TaskRecord) -> str:
    return "" if task.result is CacheResult.NONE else f"runs ({_reason(task)})"


def _success(task: TaskRecord) -> str:
    if task.tasks:
        return f"reused as a whole: {task.tasks} tasks"
    return _SUCCESS.get(task.result) or f"executed in {task.duration:.1f} s"


_TOLD: Mapping[State, Callable[[TaskRecord], str]] = {
    State.PENDING: lambda _: "",
    State.RUNNING: _running,
    State.SUCCEEDED: _success,
    State.SKIPPED: lambda task: task.error or "skipped: its condition does not hold",
    State.FAILED: lambda task: f"failed: {task.error}",
    State.CANCELED: lambda _: "canceled",
}


def _reason(task: TaskRecord) -> str:
    return task.reason.replace("_", " ")


def summary(result: RunResult) -> str:
    """One line: how it ended, and what the cache did."""
    steps = [task for task in result.tasks if task.result is not CacheResult.NONE and not task.tasks]
    counts = Counter(task.result for task in steps if task.state is State.SUCCEEDED)
    parts = [
        f"{count} {word}"
        for count, word in (
            (counts[CacheResult.MISS] + counts[CacheResult.OFF], "executed"),
            (counts[CacheResult.HIT], "reused"),
            (counts[CacheResult.SHARED], "shared"),
            (sum(task.state is State.FAILED for task in steps), "failed"),
            (sum(task.state is State.SKIPPED for task in result.tasks), "skipped"),
        )
        if count or word in ("executed", "reused")
    ]
    return f"run {result.run_id} {result.state.lower()} in {result.seconds:.1f} s: {', '.join(parts)}"


def tell_end(result: RunResult, home: Path) -> None:
    """How the run ended, with its outputs or its failures."""
    say(summary(result))
    if result.error and not any(task.state is State.FAILED for task in result.tasks):
        say(result.error)
    for name, value in result.outputs.parameters.items():
        say(f"  {name}: {_shortened(json.dumps(value, ensure_ascii=False))}")
    for name, artifacts in result.outputs.artifacts.items():
        for artifact in artifacts:
            say(f"  {name}: {_shortened(_describe_artifact(artifact))}")
    tell_failures(result, home)


def _describe_artifact(artifact: ArtifactValue) -> str:
    kind = artifact.schema.get("schemaTitle", "artifact").removeprefix("system.")
    if artifact.content is None:
        return f"{kind} {artifact.uri or json.dumps(dict(artifact.metadata), ensure_ascii=False)}"
    return f"{kind} {artifact.content.digest[:12]}, {artifact.content.size:,} bytes"


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def tell_failures(result: RunResult, home: Path) -> None:
    """For each step that failed, the last lines of its log and where the whole log is."""
    for task in result.tasks:
        if task.state is State.FAILED and task.log:
            log = home / task.log
            say(f"\n{task.name} failed: {task.error}")
            for line in _tail(log):
                say(f"  | {line}")
            say(f"  the whole log: {log}")


def _tail(log: Path) -> list[str]:
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=_TAIL_LINES)]
    except OSError as error:
        return [f"(the log cannot be read: {error.strerror})"]


def elapsed(task: TaskRecord) -> float:
    """Seconds that a running task has taken so far, or that an ended one took."""
    if task.state is State.RUNNING and task.started_at:
        return time.time() - task.started_at
    return task.duration
