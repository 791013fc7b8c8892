"""Which tasks of a pipeline come after one of them."""

from __future__ import annotations

import re
from collections.abc import Collection

from stepcache.pipelines.model import Dag, Pipeline
from stepcache.stores.run_browsing import around

_INDEX = re.compile(r"\[[0-9]+\]")


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
    return any(path in paths for name in {task, without_indices(task)} for path in (name, *around(name)))


def _followers(dag: Dag, name: str) -> list[str]:
    """The tasks that depend on ``name``, in the order of the DAG."""
    after = {name}
    grows = True
    while grows:
        more = {task.name for task in dag.tasks.values() if not after.isdisjoint(task.dependencies)}
        grows = not more <= after
        after |= more
    return [task for task in dag.tasks if task in after and task != name]
