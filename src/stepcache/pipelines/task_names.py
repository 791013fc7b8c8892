"""Whether the inputs and outputs that tasks name are there.

KFP finds out when a task runs (``backend/src/v2/driver/resolve.go``), so a wrong name in a branch that is not taken
harms no run, and is not reported: only the tasks are looked at that every run comes to. Compilers do lose names:
the KFP SDK 2.17 does for a text that holds the item of a loop, ``f"{item}"``, when the loop is inside of a group.
It also has a nested DAG take, from an input that is not there, the items of loops inside of it, which nobody needs:
KFP fails there, stepcache goes on without (``task_inputs.Scope.declared``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from typing import TypeGuard

from stepcache.pipelines.model import (
    ArtifactSpec,
    Component,
    ComponentInput,
    Dag,
    InputParameter,
    ParameterSource,
    Pipeline,
    Task,
    TaskOutput,
)


def problems(pipeline: Pipeline) -> Iterator[str]:
    """What every run of the pipeline would fail by. Its components, tasks and their order have been checked."""
    pending = [(pipeline.root, frozenset(pipeline.root.inputs), frozenset(pipeline.root.input_artifacts))]
    seen = set()
    while pending:
        component, parameters, artifacts = pending.pop()
        scope = (component.name, parameters, artifacts)
        if scope in seen or not isinstance(component.body, Dag):
            continue
        seen.add(scope)
        for task in _certain(component.body):
            executed = pipeline.components[task.component]
            check = _Check(task, executed, component.body, pipeline)
            for problem in check.problems(parameters, artifacts):
                yield f"task '{task.name}' of component '{component.name}' {problem}"
            if not task.condition and task.iterator is None:  # a loop may have no iteration
                # what a task passes is there, declared or not; what it does not pass has a default or is null
                inner = frozenset(executed.inputs).union(task.parameters)
                pending.append((executed, inner, frozenset(executed.input_artifacts).union(task.artifacts)))


def _certain(dag: Dag) -> list[Task]:
    """The tasks whose inputs are looked up in every execution of the DAG: none before them can be skipped."""
    certain: list[Task] = []
    finished: set[str] = set()
    for name in TopologicalSorter({task.name: task.dependencies for task in dag.tasks.values()}).static_order():
        task = dag.tasks[name]
        if finished.issuperset(task.dependencies):
            certain.append(task)  # with a condition too: it is evaluated when the inputs have been found
            if not task.condition:
                finished.add(name)
    return certain


class _Check:
    """One task, what it executes, and the DAG around it."""

    def __init__(self, task: Task, executed: Component, dag: Dag, pipeline: Pipeline) -> None:
        self._task = task
        self._executed = executed
        self._dag = dag
        self._pipeline = pipeline

    def problems(self, parameters: Collection[str], artifacts: Collection[str]) -> Iterator[str]:
        """``parameters`` and ``artifacts`` are the names of the DAG's inputs."""
        for name, source in self._task.parameters.items():
            yield from self._parameter(name, source, parameters)
        for name, origin in self._task.artifacts.items():
            if isinstance(origin, TaskOutput) and not self._is_made(origin, artifact=True):
                yield f"takes '{name}' from '{origin.task}', which has no output artifact '{origin.output}'"
            if _is_missed(origin, artifacts, self._executed.input_artifacts.get(name)):
                yield f"takes '{name}' from the input artifact '{origin.name}', which is not there"
        yield from self._iterator()

    def _parameter(self, name: str, source: ParameterSource, parameters: Collection[str]) -> Iterator[str]:
        origin = source.origin
        if isinstance(origin, TaskOutput) and not self._is_made(origin, artifact=False):
            yield f"takes '{name}' from '{origin.task}', which has no output parameter '{origin.output}'"
        nested = isinstance(self._executed.body, Dag)
        if not nested and _is_missed(origin, parameters, self._executed.inputs.get(name)):
            yield f"takes '{name}' from the input parameter '{origin.name}', which is not there"

    def _iterator(self) -> Iterator[str]:
        iterator = self._task.iterator
        if iterator is None:
            return
        if iterator.raw is not None:
            if not _is_json_list(iterator.raw):
                yield "is a loop over items that are no JSON list"
            return
        kind = "artifact" if iterator.over_artifacts else "parameter"
        given = self._task.artifacts if iterator.over_artifacts else self._task.parameters
        declared = self._executed.input_artifacts if iterator.over_artifacts else self._executed.inputs
        if iterator.input_name not in given and iterator.input_name not in declared:
            yield f"is a loop over the input {kind} '{iterator.input_name}', which is not there"

    def _is_made(self, origin: TaskOutput, *, artifact: bool) -> bool:
        """Whether an output comes from an executor in the end, by way of the outputs of nested DAGs."""
        pending = [(self._pipeline.components[self._dag.tasks[origin.task].component], origin.output)]
        seen = set()
        while pending:
            component, output = pending.pop()
            body = component.body
            if not isinstance(body, Dag):
                # KFP passes on a parameter that a step writes into executor_output.json, declared or not
                if not artifact or output in component.output_artifacts:
                    return True
            elif (component.name, output) not in seen:
                seen.add((component.name, output))
                origins = (body.artifacts if artifact else body.parameters).get(output, ())
                tasks = ((body.tasks[inner.task], inner.output) for inner in origins)
                pending.extend((self._pipeline.components[task.component], name) for task, name in tasks)
        return False


def _is_missed(
    origin: object, names: Collection[str], declared: InputParameter | ArtifactSpec | None
) -> TypeGuard[ComponentInput]:
    """Whether an input is taken from one that the DAG does not have, and is needed: newer drivers go on without a
    value if the task's component declares the input as optional (``resolver/parameters.go``).
    """
    is_optional = declared is not None and declared.optional
    return isinstance(origin, ComponentInput) and origin.name not in names and not is_optional


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False
