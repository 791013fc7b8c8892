"""Whether everything that a pipeline names is there, and its tasks can be put in an order.

What is refused here about components, executors and order KFP's compiler refuses too
(``backend/src/v2/compiler/visitor.go``); names of inputs and outputs are a matter of their own (``task_names``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from stepcache.errors import InputError
from stepcache.pipelines import task_names
from stepcache.pipelines.model import Component, Dag, Pipeline, Task


def check(pipeline: Pipeline, source: str) -> None:
    """Raise InputError when a name leads nowhere, or tasks or components depend on one another in a circle."""
    again = "compile the pipeline again with the KFP SDK"
    for problem in _structure(pipeline):
        raise InputError(f"{source}: {problem}", remedy=again)
    for problem in task_names.problems(pipeline):  # which relies on a sound structure
        remedy = f"{again}, perhaps another version of it: KFP would fail at this task too"
        raise InputError(f"{source}: {problem}", remedy=remedy)


def without_unused(pipeline: Pipeline) -> Pipeline:
    """The pipeline without the components that no task executes, at which KFP does not look either."""
    used: set[str] = set()
    pending = [pipeline.root]
    while pending:
        for task in _tasks(pending.pop()):
            if task.component not in used and task.component in pipeline.components:
                used.add(task.component)
                pending.append(pipeline.components[task.component])
    kept = {name: component for name, component in pipeline.components.items() if name in used}
    return replace(pipeline, components=kept)


def _structure(pipeline: Pipeline) -> Iterator[str]:
    root = pipeline.root
    if not isinstance(root.body, Dag):
        yield "its root is no DAG of tasks"
    if root.name in pipeline.components:
        yield f"a component has the name '{root.name}', which is the pipeline's own"
    for component in (root, *pipeline.components.values()):
        yield from _problems(component, pipeline)
    executes = {
        component.name: [task.component for task in _tasks(component)]
        for component in (root, *pipeline.components.values())
    }
    for circle in _circle(executes):
        yield f"components execute one another in a circle: {circle}"


def _problems(component: Component, pipeline: Pipeline) -> Iterator[str]:
    body = component.body
    if isinstance(body, str):
        if not body:
            yield f"component '{component.name}' has neither tasks nor an executor"
        elif body not in pipeline.executors:
            yield f"component '{component.name}' names the executor '{body}', which is not there"
        return
    for task in body.tasks.values():
        for problem in _task_problems(task, body, pipeline):
            yield f"task '{task.name}' of component '{component.name}' {problem}"
    yield from _output_problems(component.name, body)
    for circle in _circle({task.name: task.dependencies for task in body.tasks.values()}):
        yield f"the tasks of component '{component.name}' depend on one another: {circle}"


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


def _tasks(component: Component) -> list[Task]:
    return list(component.body.tasks.values()) if isinstance(component.body, Dag) else []


def _circle(graph: Mapping[str, list[str] | tuple[str, ...]]) -> Iterator[str]:
    """A circle in the graph, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " → ".join(error.args[1])
