"""From a platform spec to ``PlatformSettings``.

A field that this release does not know, of a newer KFP, is one more setting that is ignored. One that it knows must
have its type, and a name must come from somewhere, as KFP's driver demands (``backend/src/v2/driver/k8s.go``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stepcache.errors import InputError
from stepcache.pipelines.model import Constant, JsonValue
from stepcache.pipelines.platform import scheduling
from stepcache.pipelines.platform.json_object import JsonObject
from stepcache.pipelines.platform.reference import Reference, read_reference
from stepcache.pipelines.platform.settings import (
    ClaimMount,
    ExecutorSettings,
    FieldVariable,
    FilesFrom,
    Kind,
    PlatformSettings,
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
    spec = JsonObject(platforms, "the platform spec", problems)
    named = spec.object("platforms")
    kubernetes = named.object(_PLATFORM)
    config = kubernetes.object("pipelineConfig")
    settings = PlatformSettings(
        executors={
            label: _executor(JsonObject(document, f"executor '{label}'", problems))
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


def _executor(config: JsonObject) -> ExecutorSettings:
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
        scheduling=scheduling.parse(config),
        timeout=config.number("activeDeadlineSeconds"),
        image_pull_policy=policy,
        run_as_user=security.whole("runAsUser"),
        run_as_group=security.whole("runAsGroup"),
        kinds=tuple(_kinds(config, EXECUTOR_KINDS)),
    )


def _kinds(config: JsonObject, known: Mapping[str, str]) -> Iterable[str]:
    kinds = (known.get(name, f"'{name}' (unknown)") for name, value in config.fields.items() if _is_set(value))
    return dict.fromkeys(kinds)


def _is_set(value: JsonValue) -> bool:
    """Whether protobuf would have written it: a field with its default is absent."""
    return value not in (None, "", [], {}, 0, "0", False)


_KEYED = (("secret", Kind.SECRET), ("configMap", Kind.CONFIG_MAP))


def _variables(config: JsonObject) -> Iterator[VariablesFrom]:
    for prefix, kind in _KEYED:
        for item in config.objects(f"{prefix}AsEnv"):
            name = _name(item, f"{prefix}NameParameter", f"{prefix}Name", kind)
            pairs = {
                pair.text("envVar", needed=True): pair.text(f"{prefix}Key", needed=True)
                for pair in item.objects("keyToEnv")
            }
            if name is not None:
                yield VariablesFrom(kind, name, pairs, item.choice("optional"))


def _files(config: JsonObject) -> Iterator[FilesFrom]:
    for prefix, kind in _KEYED:
        for item in config.objects(f"{prefix}AsVolume"):
            name = _name(item, f"{prefix}NameParameter", f"{prefix}Name", kind)
            if name is not None:
                yield FilesFrom(kind, name, item.text("mountPath", needed=True), item.flag("optional"))


def _claims(config: JsonObject) -> Iterator[ClaimMount]:
    for item in config.objects("pvcMount"):
        name = read_reference(item.object("pvcNameParameter")) or _former_claim(item)
        if name is None:
            item.refuse("does not say which volume claim to mount")
        else:
            yield ClaimMount(name, item.text("mountPath", needed=True), item.text("subPath"))


def _former_claim(item: JsonObject) -> Reference | None:
    """What SDKs before ``pvcNameParameter`` wrote: the same, without a level."""
    if constant := item.text("constant"):
        return Constant(constant)
    return read_reference(item)


def _name(item: JsonObject, parameter: str, plain: str, kind: Kind) -> Reference | None:
    reference = read_reference(item.object(parameter))
    if reference is None and item.text(plain):
        reference = Constant(item.text(plain))
    if reference is None:
        item.refuse(f"does not name its {kind}")
    return reference
