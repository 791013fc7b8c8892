"""Which tasks of a pipeline come after one of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from stepcache.pipelines.model import Dag, Pipeline

_INDEX = re.compile(r"\[[0-9]+\]")
_LAST_INDEX = re.compile(r"\[[0-9]+\]$")


def without_indices(path: str) -> str:
    """The path of a task without the indices of the iterations it is in."""
    return _INDEX.sub("", path)


def of(pipeline: Pipeline, path: str) -> tuple[str, ...]:
    """The paths of the tasks that need, directly or by way of others, what the task at ``path`` leaves or that it
    has ended: in its own DAG, and in the DAGs around that, those after the DAG that it is inside of. What is inside
    of a path that is answered comes after the task too. Indices of iterations are as in ``path``; iterations of one
    loop do not come after one another.

    Raises KeyError when there is no such task.
    """
    found: list[str] = []
    body, prefix = pipeline.root.body, ""
    for part in path.split("/"):
        name = without_indices(part)
        if not isinstance(body, Dag):
            raise KeyError(path)
        task = body.tasks[name]
        found += [f"{prefix}{follower}" for follower in _followers(body, name)]
        body, prefix = pipeline.components[task.component].body, f"{prefix}{part}/"
    return tuple(found)


def is_in(task: str, paths: Collection[str]) -> bool:
    """Whether the task at the path ``task`` is at one of ``paths``, an iteration of what is there, or inside of
    that. Without indices, a path means every iteration.
    """
    return any(around in paths for name in {task, without_indices(task)} for around in _around(name))


def _around(path: str) -> Iterator[str]:
    """The path, and those of all that it is inside of."""
    yield path
    while path:
        loop = _LAST_INDEX.sub("", path)
        path = path.rpartition("/")[0] if loop == path else loop
        if path:
            yield path


def _followers(dag: Dag, name: str) -> list[str]:
    """The tasks that depend on ``name``, in the order of the DAG."""
    after = {name}
    grows = True
    while grows:
        more = {task.name for task in dag.tasks.values() if not after.isdisjoint(task.dependencies)}
        grows = not more <= after
        after |= more
    return [task for task in dag.tasks if task in after and task != name]
