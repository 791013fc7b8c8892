"""What each DAG of a pipeline comes to with all that it reaches: whether it may be reused as a whole, and as what.

Worked out from the documents once, when a pipeline is first read (see ``kept_specs``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from graphlib import TopologicalSorter
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import step_codes
from stepcache.pipelines.conversion import Spec
from stepcache.pipelines.model import (
    Component,
    Container,
    Dag,
    DagFacts,
    FinalStatus,
    OtherExecutor,
    Pipeline,
    Task,
)
from stepcache.pipelines.platform import claims

_OF_ONE_RUN = ("{{$.pipeline_job_", "{{$.pipeline_task_uuid}}")
_OF_PLACES = ("{{$.pipeline_root}}", "{{$.workspace_path}}")


def of(spec: Spec, pipeline: Pipeline) -> dict[str, DagFacts]:
    """The facts of every component of ``pipeline`` that is a DAG, the root aside, by name.

    ``pipeline`` is what ``spec`` describes; its references have been checked.
    """
    components, found = pipeline.components, dict[str, _Found]()
    graph = {name: {task.component for task in _tasks(component)} for name, component in components.items()}
    for name in TopologicalSorter(graph).static_order():
        component = components[name]
        inner = [found[task.component] for task in _tasks(component)]
        text = json.dumps(spec.pipeline["components"][name], sort_keys=True)
        found[name] = (
            _of_dag(component, text, inner) if _is_dag(component) else _of_step(component, text, spec, pipeline)
        )
    return {name: one.facts() for name, one in found.items() if _is_dag(components[name])}


def to_document(facts: Mapping[str, DagFacts]) -> dict[str, Any]:
    """The facts as a JSON value."""
    return {name: asdict(one) for name, one in facts.items()}


def from_document(document: Mapping[str, Any]) -> dict[str, DagFacts]:
    """What ``to_document`` wrote."""
    return {name: DagFacts(**{**one, **_tuples(one)}) for name, one in document.items()}


@dataclass(frozen=True, slots=True)
class _Found:
    """A component with all that it reaches."""

    content: str
    steps: int
    kinds: Mapping[Any, str]
    """The label of each kind of executor."""
    labels: frozenset[str]
    names_places: bool
    is_closed: bool
    is_dag: bool

    def facts(self) -> DagFacts:
        """In the form that is kept."""
        return DagFacts(
            content=self.content,
            steps=self.steps,
            labels=tuple(sorted(self.labels)),
            kinds=tuple(sorted(self.kinds.values())),
            names_places=self.names_places,
            is_closed=self.is_closed,
        )


def _of_dag(component: Component, text: str, inner: list[_Found]) -> _Found:
    content = hashlib.sha256(f"dag {component.name}\0{text}".encode())
    for digest in sorted({one.content for one in inner}):
        content.update(digest.encode())
    return _Found(
        content=content.hexdigest(),
        steps=sum(one.steps for one in inner),
        kinds={kind: label for one in inner for kind, label in one.kinds.items()},
        labels=frozenset().union(*(one.labels for one in inner)),
        names_places=any(place in text for place in _OF_PLACES) or any(one.names_places for one in inner),
        is_closed=not any(fact in text for fact in _OF_ONE_RUN)
        and not any(_is_told_of_others(task) for task in _tasks(component))
        and all(task.cached or one.is_dag for task, one in zip(_tasks(component), inner, strict=True))
        and all(one.is_closed for one in inner),
        is_dag=True,
    )


def _of_step(component: Component, text: str, spec: Spec, pipeline: Pipeline) -> _Found:
    label = str(component.body)
    executor = pipeline.executors[label]
    document = json.dumps(spec.deployment["executors"][label], sort_keys=True)
    return _Found(
        content=hashlib.sha256(f"step {component.name}\0{text}\0{document}".encode()).hexdigest(),
        steps=1,
        kinds={_kind(executor): label},
        labels=frozenset((label,)),
        names_places=bool(component.task_configs),  # they may name the workspace
        is_closed=_is_closed(executor),
        is_dag=False,
    )


def _kind(executor: Container | OtherExecutor) -> Any:
    """Equal for executors that run on the same image with the same packages."""
    if not isinstance(executor, Container):
        return None
    code = step_codes.find(executor)
    return executor.image, None if code is None else (code.requirements, code.pip_options, code.author_kfp)


def _is_told_of_others(task: Task) -> bool:
    """Whether it is told how another task ended, which names the run."""
    return any(isinstance(source.origin, FinalStatus) for source in task.parameters.values())


def _is_dag(component: Component) -> bool:
    return isinstance(component.body, Dag)


def _tasks(component: Component) -> list[Task]:
    return list(component.body.tasks.values()) if isinstance(component.body, Dag) else []


def _is_closed(executor: Container | OtherExecutor) -> bool:
    """Whether the key of its steps comes of the pipeline and its inputs alone: what an importer finds does not."""
    if not isinstance(executor, Container):
        return False
    return "{{$" not in executor.image and claims.operation(executor) is None


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
