"""The rules of a DAG: which task when, and what its outputs are. Pure; for runs, and for plans of them.

Rules: ``backend/src/v2/compiler/argocompiler/dag.go`` of kubeflow/pipelines, which makes an Argo DAG of each of
KFP's. A task runs when all that it depends on succeeded; with ``ALL_UPSTREAM_TASKS_COMPLETED`` it is an exit hook
of what it depends on, and runs however that ended, unless it never began. After a failure no other task of the same
DAG is started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from stepcache.pipelines.model import ABSENT, Dag, JsonValue, Task, TaskOutput
from stepcache.pipelines.task_record import State
from stepcache.pipelines.values import Values

_COMPLETED = (State.SUCCEEDED, State.FAILED)
_NOTHING = Values()


class Ended(Protocol):
    """A task as those behind it see it."""

    @property
    def name(self) -> str:
        """The full path."""

    @property
    def state(self) -> State:
        """How it ended."""

    @property
    def error(self) -> str:
        """Why it failed."""


def in_order(dag: Dag) -> list[str]:
    """The tasks, each behind those that it depends on, and the same list in every process."""
    missing = {name: len(task.dependencies) for name, task in dag.tasks.items()}
    after = followers(dag)
    ordered: list[str] = []
    ready = sorted(name for name, count in missing.items() if count == 0)
    while ready:
        ordered += ready
        freed = []
        for name in ready:
            for follower in after[name]:
                missing[follower] -= 1
                if missing[follower] == 0:
                    freed.append(follower)
        ready = sorted(freed)
    return ordered


def followers(dag: Dag) -> dict[str, list[str]]:
    """Of each task, those that depend on it."""
    after: dict[str, list[str]] = {name: [] for name in dag.tasks}
    for name, task in dag.tasks.items():
        for dependency in task.dependencies:
            after[dependency].append(name)
    return after


def why_not(task: Task, before: Sequence[Ended], failed: Ended | None) -> str | None:
    """Why the task is not started, ``before``, all that it depends on, having ended; None when it is.

    ``failed`` is a task of the same DAG that failed, if one has.
    """
    if task.run_after_failure:
        if before and not any(ended.state in _COMPLETED for ended in before):
            return f"not started: task '{before[0].name}' was not started"
        return None
    for ended in before:
        if ended.state is State.FAILED:
            return f"not started: task '{ended.name}' failed"
        if ended.state is not State.SUCCEEDED:
            return f"not started: task '{ended.name}' was skipped"
    return None if failed is None else f"not started: task '{failed.name}' failed"


def failure(tasks: Iterable[Ended]) -> str | None:
    """Why the DAG of these tasks failed; None when it did not."""
    for ended in tasks:
        if ended.state is State.FAILED:
            return f"task '{ended.name}' failed: {ended.error}"
    return None


def failed_iteration(iterations: Iterable[Ended]) -> str | None:
    """Why the loop with these iterations failed; None when it did not."""
    for ended in iterations:
        if ended.state is State.FAILED:
            return f"iteration '{ended.name}' failed: {ended.error}"
    return None


def outputs(dag: Dag, finished: Mapping[str, Values]) -> Values:
    """The DAG's outputs, ``finished`` being those of its tasks that succeeded. None of what was skipped."""

    def parameter(origin: TaskOutput) -> JsonValue:
        return finished.get(origin.task, _NOTHING).parameters.get(origin.output, ABSENT)

    def artifacts(origin: TaskOutput) -> JsonValue:
        return finished.get(origin.task, _NOTHING).artifacts.get(origin.output, ABSENT)

    return Values(chosen(dag.parameters, parameter), chosen(dag.artifacts, artifacts))


def chosen(
    declared: Mapping[str, Iterable[TaskOutput]], find: Callable[[TaskOutput], JsonValue]
) -> dict[str, JsonValue]:
    """For each output what ``find`` answers: of several origins (OneOf) for the first that is not ABSENT."""
    values = {}
    for name, origins in declared.items():
        for origin in origins:
            value = find(origin)
            if value is not ABSENT:
                values[name] = value
                break
    return values
