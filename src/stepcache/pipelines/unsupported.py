"""What a compiled pipeline may ask for and this release does not run: said before anything is executed."""

from __future__ import annotations

from collections.abc import Iterator

from stepcache.errors import InputError
from stepcache.pipelines import step_codes
from stepcache.pipelines.model import (
    Component,
    Container,
    Dag,
    FinalStatus,
    OtherExecutor,
    ParameterSource,
    Pipeline,
    Task,
)


def check(pipeline: Pipeline, source: str) -> None:
    """Raise one InputError that names every task that cannot be run, and why."""
    problems = list(dict.fromkeys(_pipeline(pipeline)))
    if problems:
        raise InputError(
            f"{source} needs what this release of stepcache does not run: {'; '.join(problems)}",
            remedy="run lightweight Python components without conditions, loops or exit handlers",
        )


def _pipeline(pipeline: Pipeline) -> Iterator[str]:
    for platform in pipeline.platforms.get("platforms", {}):
        yield f"settings for the platform '{platform}'"
    for component in (pipeline.root, *pipeline.components.values()):
        if isinstance(component.body, Dag):
            yield from _dag(component.name, component.body)
        else:
            yield from _executor(component, pipeline.executors[component.body])
    for name in pipeline.root.input_artifacts:
        yield f"the pipeline takes an artifact, '{name}'"


def _dag(name: str, dag: Dag) -> Iterator[str]:
    for task in dag.tasks.values():
        for problem in _task(task):
            yield f"task '{task.name}' has {problem}"
    for outputs in (dag.parameters, dag.artifacts):
        for output, origins in outputs.items():
            if len(origins) != 1:
                yield f"output '{output}' of '{name}' is one of several (OneOf)"


def _task(task: Task) -> Iterator[str]:
    if task.condition:
        yield "a condition"
    if task.iterator is not None:
        yield "a loop (ParallelFor)"
    if task.run_after_failure:
        yield "an exit handler's trigger"
    if task.retry.max_retries:
        yield "a retry policy"
    for name, source in task.parameters.items():
        yield from _source(name, source)


def _source(name: str, source: ParameterSource) -> Iterator[str]:
    if source.selector:
        yield f"an expression on the input '{name}'"
    if isinstance(source.origin, FinalStatus):
        yield f"the final status of another task as its input '{name}'"


def _executor(component: Component, executor: Container | OtherExecutor) -> Iterator[str]:
    if isinstance(executor, OtherExecutor):
        yield f"component '{component.name}' is executed by '{executor.kind}'"
    elif step_codes.find(executor) is None:
        yield f"component '{component.name}' is a container component"
    for name, artifact in (*component.input_artifacts.items(), *component.output_artifacts.items()):
        if artifact.is_list:
            yield f"component '{component.name}' has a list of artifacts, '{name}'"
