"""Where the inputs of a task come from, as the pipeline says: which output of which task, or which of the run."""

from __future__ import annotations

import re
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import ComponentInput, Dag, ParameterSource, Pipeline, Task, TaskOutput

_INDICES = re.compile(r"(?:\[[0-9]+\])+$")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one input comes from."""

    name: str
    """Of the output, or of the run's input."""
    task: str = ""
    """The full path of the task whose output it is; empty for an input of the run."""

    def to_document(self) -> dict[str, str]:
        """The form in which records keep it."""
        return {"task": self.task, "output": self.name} if self.task else {"run": self.name}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Origin:
        """What ``to_document`` described."""
        return cls(document["output"], document["task"]) if "task" in document else cls(document["run"])


@dataclass(frozen=True, slots=True)
class _Frame:
    """A task on the way from the root to the one that is asked about."""

    task: Task
    prefix: str
    """The path of the DAG that it is in, ending with a slash; empty for the root."""


def origins(pipeline: Pipeline, path: str) -> dict[str, Origin]:
    """The origin of every input of the task with this path that comes from a task or from the run, by its name.

    Items of a loop have the origin of the list. Nothing is said of constants, nor of what the pipeline does not
    have.
    """
    frames = _frames(pipeline, path)
    if not frames:
        return {}
    task = frames[-1].task
    sources = {**task.parameters, **task.artifacts}
    found = {name: _origin(pipeline, source, frames) for name, source in sources.items()}
    return {name: origin for name, origin in found.items() if origin is not None}


def _frames(pipeline: Pipeline, path: str) -> list[_Frame]:
    """The way from the root to a task; empty when there is no such task."""
    frames: list[_Frame] = []
    body, prefix = pipeline.root.body, ""
    for segment in path.split("/"):
        task = body.tasks.get(_INDICES.sub("", segment)) if isinstance(body, Dag) else None
        if task is None:
            return []
        frames.append(_Frame(task, prefix))
        prefix += f"{segment}/"
        body = pipeline.components[task.component].body
    return frames


def _origin(pipeline: Pipeline, source: object, frames: list[_Frame]) -> Origin | None:
    """The origin of what the last task of ``frames`` gets from ``source``."""
    if isinstance(source, ParameterSource):
        source = source.origin
    if isinstance(source, TaskOutput):
        return _made_by(pipeline, source, frames[-1])
    if not isinstance(source, ComponentInput):
        return None
    outer = frames[:-1]
    if not outer:
        return Origin(source.name)
    task, name = outer[-1].task, source.name
    if task.iterator is not None and task.iterator.item_input == name:
        name = task.iterator.input_name
    return _origin(pipeline, task.parameters.get(name) or task.artifacts.get(name), outer)


def _made_by(pipeline: Pipeline, output: TaskOutput, frame: _Frame) -> Origin:
    """The task that makes an output: inside of a nested DAG, the one whose output is the DAG's."""
    path, name = f"{frame.prefix}{output.task}", output.output
    dag: Any = None
    tasks = _siblings(pipeline, frame)
    task = tasks.get(output.task)
    while task is not None and task.iterator is None:
        dag = pipeline.components[task.component].body
        if not isinstance(dag, Dag):
            break
        inner = dag.parameters.get(name) or dag.artifacts.get(name) or ()
        if len(inner) != 1:  # a OneOf: only the run knows which
            break
        path, name = f"{path}/{inner[0].task}", inner[0].output
        task = dag.tasks.get(inner[0].task)
    return Origin(name, path)


def _siblings(pipeline: Pipeline, frame: _Frame) -> dict[str, Task]:
    body: Any = pipeline.root.body
    for segment in filter(None, frame.prefix.split("/")):
        body = pipeline.components[body.tasks[_INDICES.sub("", segment)].component].body
    return dict(body.tasks)
