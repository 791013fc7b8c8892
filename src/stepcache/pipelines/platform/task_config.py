"""What a component is told of its task's settings (``dsl.TaskConfig``): the value of its TASK_CONFIG parameters.

The value is KFP's: the JSON of ``TaskConfig`` in ``backend/src/v2/driver/driver.go`` of kubeflow/pipelines, filled
as ``initPodSpecPatch`` and ``extendPodSpecPatch`` fill it. Secrets and config maps are references, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import PurePath

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Container, JsonValue
from stepcache.pipelines.platform import names, resources
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.passthroughs import Passed, Passthroughs
from stepcache.pipelines.platform.settings import ExecutorSettings, Kind
from stepcache.pipelines.values import Values

_WORKSPACE = "kfp-workspace"
_WORKSPACE_MOUNT = "/kfp-workspace"
_IN_WORKSPACE = "_kfp_workspace"
_KEY_REFERENCES = {Kind.SECRET: "secretKeyRef", Kind.CONFIG_MAP: "configMapKeyRef"}


def build(
    passthroughs: Passthroughs, settings: ExecutorSettings, container: Container, inputs: Values, known: Known
) -> dict[str, JsonValue]:
    """The value, for a task with these settings, container and inputs.

    Raises ValueError, with a sentence for people, where KFP's driver fails the task: for what is no quantity, and
    for names that are none.
    """
    passed = passthroughs.pass_on
    scheduling = settings.scheduling
    volumes = _volumes(settings, inputs, known) if passed(Passed.VOLUMES) else _Volumes()
    return {
        "affinity": scheduling.affinity_document(known) if passed(Passed.AFFINITY) else None,
        "tolerations": scheduling.tolerations_document(known) if passed(Passed.TOLERATIONS) else None,
        "nodeSelector": scheduling.selector_document(known) if passed(Passed.NODE_SELECTOR) else None,
        "env": list(_variables(settings, container, known)) if passed(Passed.ENV) else None,
        "volumes": volumes.volumes or None,
        "volumeMounts": volumes.mounts or None,
        "resources": resources.document(container.resources, inputs.parameters) if passed(Passed.RESOURCES) else {},
    }


def _variables(settings: ExecutorSettings, container: Container, known: Known) -> Iterator[JsonValue]:
    for name, value in container.environment.items():
        yield {"name": name, "value": value} if value else {"name": name}
    for kind in Kind:
        for item in settings.variables:
            if item.kind is not kind:
                continue
            resolved = names.resolve(item.name, known, kind)
            if resolved is None:
                continue
            optional: dict[str, JsonValue] = {} if item.optional is None else {"optional": item.optional}
            for variable, key in item.keys.items():
                reference = {"name": resolved, "key": key, **optional}
                yield {"name": variable, "valueFrom": {_KEY_REFERENCES[kind]: reference}}
    for one in settings.fields:
        yield {"name": one.variable, "valueFrom": {"fieldRef": {"fieldPath": one.field_path}}}


@dataclass(slots=True)
class _Volumes:
    """Volumes and their mounts, as they are found."""

    volumes: list[JsonValue] = field(default_factory=list)
    mounts: list[JsonValue] = field(default_factory=list)

    def add(self, name: str, source: Mapping[str, JsonValue], mount_path: str, sub_path: str = "") -> None:
        """A volume at a path."""
        self.volumes.append({"name": name, **source})
        sub: dict[str, JsonValue] = {"subPath": sub_path} if sub_path else {}
        self.mounts.append({"name": name, "mountPath": mount_path, **sub})


def _volumes(settings: ExecutorSettings, inputs: Values, known: Known) -> _Volumes:
    found = _Volumes()
    workspace = known.placeholders.get("workspace_path", "")
    if _uses_workspace(inputs, workspace):
        found.add(_WORKSPACE, _claim(_workspace_claim(workspace)), _WORKSPACE_MOUNT)
    for claim in settings.claims:
        name = names.claim(claim.claim, known)
        found.add(name, _claim(name), claim.mount_path, claim.sub_path)
    for kind in Kind:
        for item in settings.files:
            resolved = names.resolve(item.name, known, kind) if item.kind is kind else None
            if resolved is not None:
                found.add(resolved, _source(kind, resolved, optional=item.optional), item.mount_path)
    return found


def _claim(name: str) -> dict[str, JsonValue]:
    return {"persistentVolumeClaim": {"claimName": name}}


def _source(kind: Kind, name: str, *, optional: bool) -> dict[str, JsonValue]:
    if kind is Kind.SECRET:
        return {"secret": {"secretName": name, "optional": optional}}
    return {"configMap": {"name": name, "optional": optional}}


def _uses_workspace(inputs: Values, workspace: str) -> bool:
    """Whether KFP would mount the workspace: an input names it, or lies in it (``needsWorkspaceMount``)."""
    marks = tuple(mark for mark in (workspace, "{{$.workspace_path}}", _WORKSPACE_MOUNT) if mark)
    texts = (value for value in inputs.parameters.values() if isinstance(value, str))
    if any(mark in text for text in texts for mark in marks):
        return True
    return any(items and items[0].metadata.get(_IN_WORKSPACE) is True for items in inputs.artifacts.values())


def _workspace_claim(workspace: str) -> str:
    """The name of the claim that stands for the workspace: the same in every run, as the directory is."""
    readable = re.sub(r"[^a-z0-9]+", "-", PurePath(workspace).name.lower()).strip("-")
    return f"{readable}-{_WORKSPACE}" if readable else _WORKSPACE
