"""Whether everything that a pipeline names is there, and its tasks can be put in an order."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from stepcache.errors import InputError
from stepcache.pipelines.model import Component, Dag, Pipeline, Task


def check(pipeline: Pipeline, source: str) -> None:
    """Raise InputError when a name leads nowhere or tasks depend on one another in a circle."""
    for component in (pipeline.root, *pipeline.components.values()):
        for problem in _problems(component, pipeline):
            raise InputError(f"{source}: {problem}", remedy="compile the pipeline again with the KFP SDK")


def _problems(component: Component, pipeline: Pipeline) -> Iterator[str]:
    body = component.body
    if isinstance(body, str):
        if body not in pipeline.executors:
            yield f"component '{component.name}' names the executor '{body}', which is not there"
        return
    for task in body.tasks.values():
        for problem in _task_problems(task, body, pipeline):
            yield f"task '{task.name}' of component '{component.name}' {problem}"
    yield from _output_problems(component.name, body)
    yield from _order_problems(component.name, body)


def _task_problems(task: Task, dag: Dag, pipeline: Pipeline) -> Iterator[str]:
    if task.component not in pipeline.components:
        yield f"names the component '{task.component}', which is not there"
    for dependency in task.dependencies:
        if dependency not in dag.tasks:
            yield f"depends on the task '{dependency}', which is not there"


def _output_problems(name: str, dag: Dag) -> Iterator[str]:
    for outputs in (dag.parameters, dag.artifacts):
        for output, origins in outputs.items():
            for origin in origins:
                if origin.task not in dag.tasks:
                    yield (
                        f"output '{output}' of component '{name}' comes from the task '{origin.task}', "
                        "which is not there"
                    )


def _order_problems(name: str, dag: Dag) -> Iterator[str]:
    try:
        TopologicalSorter({task.name: task.dependencies for task in dag.tasks.values()}).prepare()
    except CycleError as error:
        yield f"the tasks of component '{name}' depend on one another: {' → '.join(error.args[1])}"
