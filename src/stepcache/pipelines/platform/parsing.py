"""From a platform spec to ``PlatformSettings``.

A field that this release does not know, of a newer KFP, is one more setting that is ignored. One that it knows must
have its type, and a name must come from somewhere, as KFP's driver demands (``backend/src/v2/driver/k8s.go``). A
field's name may be in either form of protobuf's JSON: ``secretAsEnv`` or ``secret_as_env``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stepcache.errors import InputError
from stepcache.pipelines.model import ComponentInput, Constant, JsonValue, TaskOutput
from stepcache.pipelines.platform.settings import (
    ClaimMount,
    ExecutorSettings,
    FieldVariable,
    FilesFrom,
    Kind,
    PlatformSettings,
    Reference,
    TemporaryMount,
    VariablesFrom,
)

_PLATFORM = "kubernetes"
_PULL_POLICIES = ("", "Always", "Never", "IfNotPresent")

EXECUTOR_KINDS = {
    "secretAsVolume": "secrets as files",
    "secretAsEnv": "secrets as variables",
    "pvcMount": "volume claims",
    "nodeSelector": "node selector",
    "podMetadata": "pod metadata",
    "imagePullSecret": "image pull secrets",
    "imagePullPolicy": "image pull policy",
    "configMapAsVolume": "config maps as files",
    "configMapAsEnv": "config maps as variables",
    "activeDeadlineSeconds": "timeout",
    "fieldPathAsEnv": "pod fields as variables",
    "tolerations": "tolerations",
    "genericEphemeralVolume": "ephemeral volumes",
    "nodeAffinity": "node affinity",
    "podAffinity": "pod affinity",
    "enabledSharedMemory": "shared memory",
    "emptyDirMounts": "empty directories",
    "securityContext": "security context",
    "initContainers": "init containers",
    "podResourceClaims": "resource claims",
}
"""The settings of an executor: their names in the platform spec, and among people."""

PIPELINE_KINDS = {
    "workspace": "workspace",
    "activeDeadlineSeconds": "timeout of the run",
    "resourceTtlOnCompletion": "time to live of resources",
    "resourceTtlOnSuccess": "time to live of resources",
    "resourceTtlOnFailure": "time to live of resources",
    "semaphoreKey": "semaphore",
    "mutexName": "mutex",
}
"""The settings of the pipeline as a whole."""


def parse(platforms: Mapping[str, JsonValue], source: str) -> PlatformSettings:
    """The settings in a platform spec (``Pipeline.platforms``; an empty one asks for nothing).

    Raises one InputError that names every setting which cannot be.
    """
    problems: list[str] = []
    spec = _Object(platforms, "the platform spec", problems)
    named = spec.object("platforms")
    kubernetes = named.object(_PLATFORM)
    config = kubernetes.object("pipelineConfig")
    settings = PlatformSettings(
        executors={
            label: _executor(_Object(document, f"executor '{label}'", problems))
            for label, document in kubernetes.object("deploymentSpec").object("executors").items()
        },
        workspace="workspace" in config.fields,
        timeout=config.number("activeDeadlineSeconds"),
        kinds=(
            *_kinds(config, PIPELINE_KINDS),
            *(f"everything for the platform '{name}'" for name in named.fields if name != _PLATFORM),
        ),
    )
    if problems:
        raise InputError(
            f"{source} asks of Kubernetes what cannot be: {'; '.join(dict.fromkeys(problems))}",
            remedy="correct the platform settings and compile the pipeline again",
        )
    return settings


def _executor(config: _Object) -> ExecutorSettings:
    metadata, security = config.object("podMetadata"), config.object("securityContext")
    policy = config.text("imagePullPolicy")
    if policy not in _PULL_POLICIES:
        config.refuse(f"has the image pull policy '{policy}', not one of Always, Never, IfNotPresent")
    return ExecutorSettings(
        variables=tuple(_variables(config)),
        files=tuple(_files(config)),
        claims=tuple(_claims(config)),
        temporary=tuple(
            TemporaryMount(item.text("volumeName", needed=True), item.text("mountPath", needed=True))
            for name in ("emptyDirMounts", "genericEphemeralVolume")
            for item in config.objects(name)
        ),
        fields=tuple(
            FieldVariable(item.text("name", needed=True), item.text("fieldPath", needed=True))
            for item in config.objects("fieldPathAsEnv")
        ),
        labels=metadata.texts("labels"),
        annotations=metadata.texts("annotations"),
        timeout=config.number("activeDeadlineSeconds"),
        image_pull_policy=policy,
        run_as_user=security.whole("runAsUser"),
        run_as_group=security.whole("runAsGroup"),
        kinds=tuple(_kinds(config, EXECUTOR_KINDS)),
    )


def _kinds(config: _Object, known: Mapping[str, str]) -> Iterable[str]:
    kinds = (known.get(name, f"'{name}' (unknown)") for name, value in config.fields.items() if _is_set(value))
    return dict.fromkeys(kinds)


def _is_set(value: JsonValue) -> bool:
    """Whether protobuf would have written it: a field with its default is absent."""
    return value not in (None, "", [], {}, 0, "0", False)


_KEYED = (("secret", Kind.SECRET), ("configMap", Kind.CONFIG_MAP))


def _variables(config: _Object) -> Iterator[VariablesFrom]:
    for prefix, kind in _KEYED:
        for item in config.objects(f"{prefix}AsEnv"):
            name = _name(item, f"{prefix}NameParameter", f"{prefix}Name", kind)
            pairs = {
                pair.text("envVar", needed=True): pair.text(f"{prefix}Key", needed=True)
                for pair in item.objects("keyToEnv")
            }
            if name is not None:
                yield VariablesFrom(kind, name, pairs, item.flag("optional"))


def _files(config: _Object) -> Iterator[FilesFrom]:
    for prefix, kind in _KEYED:
        for item in config.objects(f"{prefix}AsVolume"):
            name = _name(item, f"{prefix}NameParameter", f"{prefix}Name", kind)
            if name is not None:
                yield FilesFrom(kind, name, item.text("mountPath", needed=True), item.flag("optional"))


def _claims(config: _Object) -> Iterator[ClaimMount]:
    for item in config.objects("pvcMount"):
        name = _reference(item.object("pvcNameParameter")) or _former_claim(item)
        if name is None:
            item.refuse("does not say which volume claim to mount")
        else:
            yield ClaimMount(name, item.text("mountPath", needed=True), item.text("subPath"))


def _former_claim(item: _Object) -> Reference | None:
    """What SDKs before ``pvcNameParameter`` wrote: the same, without a level."""
    if constant := item.text("constant"):
        return Constant(constant)
    return _reference(item)


def _name(item: _Object, parameter: str, plain: str, kind: Kind) -> Reference | None:
    reference = _reference(item.object(parameter))
    if reference is None and item.text(plain):
        reference = Constant(item.text(plain))
    if reference is None:
        item.refuse(f"does not name its {kind}")
    return reference


def _reference(document: _Object) -> Reference | None:
    """A ``TaskInputsSpec.InputParameterSpec``, of which KFP's driver takes three kinds here."""
    if name := document.text("componentInputParameter"):
        return ComponentInput(name)
    if "taskOutputParameter" in document.fields:
        output = document.object("taskOutputParameter")
        return TaskOutput(output.text("producerTask", needed=True), output.text("outputParameterKey", needed=True))
    value = document.object("runtimeValue").fields
    return Constant(value["constant"]) if "constant" in value else None


class _Object:
    """A JSON object that is read field by field; what is wrong with it is noted, not raised."""

    def __init__(self, document: JsonValue, place: str, problems: list[str]) -> None:
        self._place = place
        self._problems = problems
        if not isinstance(document, Mapping):
            self.refuse("is no JSON object")
            document = {}
        self._document = document
        self.fields: Mapping[str, JsonValue] = {_camel_case(name): value for name, value in document.items()}

    def refuse(self, problem: str) -> None:
        self._problems.append(f"{self._place} {problem}")

    def items(self) -> Iterable[tuple[str, JsonValue]]:
        """The entries, under the names they have: of a map, not of fields."""
        return list(self._document.items())

    def object(self, name: str) -> _Object:
        return _Object(self._field(name, {}), f"{name} of {self._place}", self._problems)

    def objects(self, name: str) -> list[_Object]:
        items = self._field(name, [])
        if not isinstance(items, list):
            self.refuse(f"has a '{name}' that is no list")
            return []
        return [_Object(item, f"{name} of {self._place}", self._problems) for item in items]

    def text(self, name: str, *, needed: bool = False) -> str:
        value = self._typed(name, "", lambda value: isinstance(value, str), "text")
        if needed and not value:
            self.refuse(f"has no '{name}'")
        return str(value)

    def texts(self, name: str) -> dict[str, str]:
        value = self._typed(name, {}, _is_text_map, "map of texts")
        return dict(value)

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, False, lambda value: isinstance(value, bool), "truth value"))

    def number(self, name: str) -> float:
        return float(self.whole(name) or 0)

    def whole(self, name: str) -> int | None:
        value = self._typed(name, None, _is_whole, "whole number")
        return None if value is None else int(value)

    def _typed(self, name: str, default: Any, fits: Callable[[JsonValue], bool], kind: str) -> Any:
        value = self._field(name, default)
        if value is default or fits(value):
            return value
        self.refuse(f"has a '{name}' that is no {kind}")
        return default

    def _field(self, name: str, default: Any) -> Any:
        value = self.fields.get(name)
        return default if value is None else value


def _is_whole(value: JsonValue) -> bool:
    """An int64 is a text in protobuf's JSON, and a double within a ``Struct``."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d{1,19}", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()


def _is_text_map(value: JsonValue) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
