"""Whether everything that a pipeline asks of a cluster is there: told before anything is executed, all at once.

What only shows while the run goes on is told then: names that come from a task's output or a loop's item, and what
is asked for by tasks that run on a condition.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from stepcache.errors import InputError
from stepcache.executors import private_mounts, step_launcher
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import (
    ABSENT,
    Component,
    ComponentInput,
    Constant,
    Container,
    Dag,
    JsonValue,
    ParameterSource,
    Pipeline,
    Task,
)
from stepcache.pipelines.platform import claims
from stepcache.pipelines.platform.cluster import Cluster
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.passthroughs import Passthroughs
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.provision import Provision, provide
from stepcache.pipelines.platform.reference import Reference
from stepcache.pipelines.platform.settings import ExecutorSettings, Kind

_UNKNOWN: Final = object()
"""The value of a parameter that only the run will tell."""

_POD = Pod("", "", "", "")


@dataclass(frozen=True, slots=True)
class Place:
    """A task as it is known before the run: its path, its component, and the inputs of the DAG that it is in."""

    path: str
    component: Component
    parameters: Mapping[str, JsonValue]
    inputs: Mapping[str, JsonValue]
    """The task's own."""
    is_certain: bool
    """Whether it will be executed whatever the run brings."""

    def settings(self, cluster: Cluster) -> ExecutorSettings:
        """Those that apply to the task."""
        return Passthroughs.of(self.component).of_task(cluster.settings.of(str(self.component.body)))


def check(
    cluster: Cluster,
    parameters: Mapping[str, JsonValue],
    *,
    source: str,
    needed: Iterable[str] = (),
    on_the_host: bool = True,
) -> None:
    """Raise one InputError that names everything that is missing or cannot be, given the run's parameters.

    ``needed`` are directories that steps must see (the home, the artifact store, where they work), besides this
    Python's. With ``on_the_host`` false, mount paths are someone else's business: a container has its own.
    """
    if not cluster.settings.executors:
        return
    every = sorted(_places(cluster.pipeline, parameters), key=lambda place: place.path)
    made = _made_claims(cluster.pipeline, every)
    places = [place for place in every if place.is_certain]
    problems, provisions = [], []
    for place in places:
        known = _knowable(cluster, place, made)
        try:
            provisions.append(provide(known, Known(place.parameters), cluster.bindings, cluster.volumes, _POD))
        except ValueError as error:
            problems.append(f"task '{place.path}': {error}")
    problems += _ambiguous(places, cluster)
    if on_the_host:
        problems += _hidden(places, cluster, needed)
    if problems:
        raise InputError(
            f"{source}: {'; '.join(dict.fromkeys(problems))}",
            remedy="see 'Settings for Kubernetes' in the documentation for --secret, --config-map and --volume",
        )
    if on_the_host:
        _check_mounts(source, provisions)


def _check_mounts(source: str, provisions: Iterable[Provision]) -> None:
    """Find out whether steps can have mounts, if a step will need one."""
    planned = [mount for provision in provisions for mount in provision.planned()]
    if all(private_mounts.is_in_place(mount) for mount in planned):
        return
    reason = step_launcher.obstacle()
    if reason:
        paths = ", ".join(sorted({mount.target for mount in planned if not private_mounts.is_in_place(mount)}))
        raise InputError(
            f"{source} needs directories at {paths}, for its steps only: {reason}",
            remedy="use --executor container, or give volumes that are at their mount path already "
            "(--volume NAME=/mount/path)",
        )


def _places(pipeline: Pipeline, parameters: Mapping[str, JsonValue]) -> Iterator[Place]:
    """Every task with an executor, those of a loop once."""
    if isinstance(pipeline.root.body, Dag):
        yield from _in_dag(
            pipeline, pipeline.root.body, Place("", pipeline.root, parameters, parameters, is_certain=True)
        )


def _in_dag(pipeline: Pipeline, dag: Dag, outer: Place) -> Iterator[Place]:
    for task in dag.tasks.values():
        component = pipeline.components[task.component]
        inputs = _inputs(task, component, outer.inputs)
        certain = outer.is_certain and not task.condition
        if isinstance(component.body, Dag):
            place = Place(f"{outer.path}{task.name}/", component, outer.inputs, inputs, certain)
            yield from _in_dag(pipeline, component.body, place)
        else:
            yield Place(f"{outer.path}{task.name}", component, outer.inputs, inputs, certain)


def _inputs(task: Task, component: Component, parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    inputs = {name: item.default for name, item in component.inputs.items() if item.default is not ABSENT}
    for name, source in task.parameters.items():
        value = _value(source, parameters)
        if value is not ABSENT:
            inputs[name] = value
    if task.iterator is not None:
        inputs[task.iterator.item_input] = _UNKNOWN
    return inputs


def _value(source: ParameterSource, parameters: Mapping[str, JsonValue]) -> JsonValue:
    if source.selector:
        return _UNKNOWN
    if isinstance(source.origin, ComponentInput):
        return parameters.get(source.origin.name, ABSENT)
    if isinstance(source.origin, Constant):
        value = source.origin.value
        return _UNKNOWN if isinstance(value, str) and "{{$" in value else value
    return _UNKNOWN


def _is_known(reference: Reference, parameters: Mapping[str, JsonValue]) -> bool:
    return _value(ParameterSource(reference), parameters) is not _UNKNOWN


def _knowable(cluster: Cluster, place: Place, made: frozenset[str] | None) -> ExecutorSettings:
    """The settings without those whose names only the run will tell, or that it will make."""
    settings, volumes = place.settings(cluster), cluster.volumes

    def is_there(claim: Reference) -> bool:
        if not _is_known(claim, place.parameters):
            return False
        name = _value(ParameterSource(claim), place.parameters)
        return not isinstance(name, str) or volumes.find(name) is not None or not (made is None or name in made)

    return replace(
        settings,
        variables=tuple(item for item in settings.variables if _is_known(item.name, place.parameters)),
        files=tuple(item for item in settings.files if _is_known(item.name, place.parameters)),
        claims=tuple(item for item in settings.claims if is_there(item.claim)),
    )


def _made_claims(pipeline: Pipeline, places: Iterable[Place]) -> frozenset[str] | None:
    """The names of the claims that the pipeline makes; None when it makes some whose names are not known."""
    made = set()
    for container in pipeline.executors.values():
        if isinstance(container, Container) and claims.operation(container) is claims.Operation.CREATE:
            break
    else:
        return frozenset()
    for place in places:
        executor = pipeline.executors.get(str(place.component.body))
        if isinstance(executor, Container) and claims.operation(executor) is claims.Operation.CREATE:
            name = place.inputs.get("pvc_name")
            if name is _UNKNOWN:
                return None
            made.add(name)
    return frozenset(name for name in made if isinstance(name, str))


def _ambiguous(places: Iterable[Place], cluster: Cluster) -> Iterator[str]:
    """One value without a key cannot answer to two."""
    asked: dict[tuple[Kind, str], set[str]] = {}
    for place in places:
        for variables in place.settings(cluster).variables:
            name = _value(ParameterSource(variables.name), place.parameters)
            if isinstance(name, str):
                asked.setdefault((variables.kind, name), set()).update(variables.keys.values())
    for (kind, name), keys in asked.items():
        given = cluster.bindings.of(kind).get(name)
        missing = sorted(keys - given.values.keys()) if given is not None and given.sole is not None else []
        if len(missing) > 1:
            yield f"the {kind} '{name}' was given as one value, and is asked for the keys {', '.join(missing)}"


def _hidden(places: Iterable[Place], cluster: Cluster, needed: Iterable[str]) -> Iterator[str]:
    everything = [*needed, sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)]  # noqa: PTH120 - a text
    for place in places:
        wanted = place.settings(cluster)
        paths = [item.mount_path for group in (wanted.files, wanted.claims, wanted.temporary) for item in group]
        mounts = [private_mounts.FilesMount(path, {}) for path in paths]
        for problem in private_mounts.problems(mounts, everything):
            yield f"task '{place.path}': {problem}"
