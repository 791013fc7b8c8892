"""What a pipeline asks for and nobody does: said once for each run, in one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from stepcache.pipelines.model import Component, Container, Dag, Pipeline
from stepcache.pipelines.platform.passthroughs import Passed, Passthroughs
from stepcache.pipelines.platform.settings import PlatformSettings

HONOURED_ON_THE_HOST = frozenset(
    {
        "secrets as files",
        "secrets as variables",
        "config maps as files",
        "config maps as variables",
        "volume claims",
        "pod fields as variables",
        "ephemeral volumes",
        "empty directories",
        "workspace",
        "timeout",
        "timeout of the run",
    }
)
HONOURED_IN_CONTAINERS = HONOURED_ON_THE_HOST | {"image pull policy"}
"""What is carried out for a step that runs as a subprocess, and for one that runs in a container."""

_RESOURCES = {
    "cpuLimit": "CPU limit",
    "resourceCpuLimit": "CPU limit",
    "memoryLimit": "memory limit",
    "resourceMemoryLimit": "memory limit",
    "cpuRequest": "CPU request",
    "resourceCpuRequest": "CPU request",
    "memoryRequest": "memory request",
    "resourceMemoryRequest": "memory request",
    "accelerator": "accelerator",
}
_PASSED: Mapping[Passed, Collection[str]] = {
    Passed.RESOURCES: frozenset(_RESOURCES.values()),
    Passed.AFFINITY: ("node affinity",),  # KFP passes on no other
    Passed.TOLERATIONS: ("tolerations",),
    Passed.NODE_SELECTOR: ("node selector",),
}
_NAMED = 5  # tasks that a setting names; of more the number is given


def sentence(
    pipeline: Pipeline, settings: PlatformSettings, honoured: Collection[str] = HONOURED_ON_THE_HOST
) -> str:
    """Which settings are ignored, and for which tasks; empty when none is.

    ``honoured`` are the kinds that are carried out (``parsing.EXECUTOR_KINDS``, ``parsing.PIPELINE_KINDS`` and
    resources), which depends on what executes the steps.
    """
    tasks: dict[str, list[str]] = {}
    for kind, task in _asked(pipeline, settings):
        if kind not in honoured:
            tasks.setdefault(kind, []).append(task)
    parts = [f"{kind} ({_named(names)})" for kind, names in sorted(tasks.items())]
    parts += sorted(kind for kind in settings.kinds if kind not in honoured)
    return f"ignored, since only a cluster carries it out: {', '.join(parts)}" if parts else ""


def _asked(pipeline: Pipeline, settings: PlatformSettings) -> Iterator[tuple[str, str]]:
    for component in (pipeline.root, *pipeline.components.values()):
        for task in component.body.tasks.values() if isinstance(component.body, Dag) else ():
            executed = pipeline.components[task.component]
            label = executed.body
            if isinstance(label, str):
                executor = pipeline.executors.get(label)
                resources = executor.resources if isinstance(executor, Container) else {}
                if not resources and not settings.executors:
                    continue
                withheld = _withheld(executed)
                for kind in dict.fromkeys((*_kinds_of(resources), *settings.of(label).kinds)):
                    if kind not in withheld:
                        yield kind, task.name


def _kinds_of(resources: Collection[str]) -> Iterator[str]:
    for name in resources:
        yield _RESOURCES.get(name, f"'{name}' (unknown)")


def _withheld(component: Component) -> frozenset[str]:
    """The kinds that do not apply to the component's own task: a cluster carries them out as little as this one."""
    if not component.passthroughs:
        return frozenset()
    passthroughs = Passthroughs.of(component)
    return frozenset(kind for group, kinds in _PASSED.items() if passthroughs.withhold(group) for kind in kinds)


def _named(tasks: list[str]) -> str:
    names = sorted(set(tasks))
    if len(names) > _NAMED:
        return f"{len(names)} tasks"
    return ", ".join(names)
