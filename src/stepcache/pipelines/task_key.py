"""The strict key of a task: what it executes, with which inputs, on what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from stepcache.executors.environments import credentials
from stepcache.keys import strict
from stepcache.keys.strict import CustomKey, InputArtifact, Parts
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Component, Container, JsonValue, Task
from stepcache.pipelines.platform.provision import KeyShare
from stepcache.pipelines.values import ArtifactValue, Values

_NO_SHARE = KeyShare()


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A key, and the parts that it was made of."""

    digest: str
    """64 lower-case hex digits."""
    _parts: Parts
    _task_configs: tuple[str, ...] = ()

    def parts(self, mask: Callable[[str], str]) -> str:
        """The parts as a JSON text, for ``explain``; values of environment variables are masked, those that a
        component is told of (``dsl.TaskConfig``) too, and passwords in the addresses of package indexes, which the
        SDK writes into commands.
        """
        document = strict.stored_parts(self._parts, mask)
        inputs = document.get("input_parameters", {})
        inputs |= {name: _masked(inputs[name], mask) for name in self._task_configs if name in inputs}
        return credentials.mask(json.dumps(document, sort_keys=True))


def of(  # noqa: PLR0913 - each is a part of the key
    task: Task,
    component: Component,
    inputs: Values,
    namespace: str,
    *,
    container: Container,
    executor: Mapping[str, str],
    share: KeyShare = _NO_SHARE,
) -> TaskKey:
    """The key of one execution of ``component`` as ``task`` asks for it; ``executor`` names what will run it.

    A custom key counts with the component's name and the namespace, as under KFP
    (``backend/src/v2/driver/cache.go``). Raises ValueError for an input that is no JSON value.
    """
    custom = CustomKey(task.component, task.cache_key) if task.cache_key else None
    parts = Parts(
        component=_with_claims(_component(_Hashed(component, container)), share.claims),
        namespace=namespace,
        input_parameters=inputs.parameters,
        input_artifacts=input_artifacts(inputs),
        env={**container.environment, **share.env} if share.declared else share.env,
        secrets=share.secrets,
        executor=executor,
        custom=custom,
    )
    return TaskKey(strict.strict_key(parts), parts, component.task_configs)


def _masked(told: JsonValue, mask: Callable[[str], str]) -> JsonValue:
    """What a component is told, with the values of its variables masked."""
    if not isinstance(told, dict) or not told.get("env"):  # where it holds a secret it is a HMAC as a whole
        return told
    variables = [{**item, "value": mask(item["value"])} if "value" in item else item for item in told["env"]]
    return {**told, "env": variables}


def input_artifacts(inputs: Values) -> dict[str, list[InputArtifact]]:
    """Input artifacts as they enter a key: by their content."""
    return {name: [_input(value) for value in values] for name, values in inputs.artifacts.items()}


def _with_claims(component: strict.Component, claims: tuple[str, ...]) -> strict.Component:
    return replace(component, pvc_names=claims) if claims else component


class _Hashed:
    """What a component executes and leaves, immutable objects that its copies share, compared by identity."""

    __slots__ = ("artifacts", "container", "parameters")

    def __init__(self, component: Component, container: Container) -> None:
        self.container = container
        self.parameters = component.outputs
        self.artifacts = component.output_artifacts

    def __hash__(self) -> int:
        return hash((id(self.container), id(self.parameters)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Hashed)
            and self.container is other.container
            and self.parameters is other.parameters
            and self.artifacts is other.artifacts
        )


@lru_cache(maxsize=4096)
def _component(what: _Hashed) -> strict.Component:
    container = what.container
    return strict.Component(
        image=container.image,
        command=container.command,
        args=container.args,
        output_parameters={name: str(kind) for name, kind in what.parameters.items()},
        output_artifacts={
            name: {"type": dict(declared.schema), "metadata": dict(declared.metadata), "list": declared.is_list}
            for name, declared in what.artifacts.items()
        },
    )


def _input(value: ArtifactValue) -> InputArtifact:
    return InputArtifact(
        name=value.name,
        type=value.schema,
        digest="" if value.content is None else value.content.digest,
        metadata=value.metadata,
        uri=value.uri,
    )
