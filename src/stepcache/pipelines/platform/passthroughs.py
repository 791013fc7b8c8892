"""Which settings a component is told of (``dsl.TaskConfig``), and which of them apply to its own task as well.

Rules: ``getTaskConfigOptions`` in ``backend/src/v2/driver/driver.go`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Component
from stepcache.pipelines.platform.settings import ExecutorSettings


class Passed(StrEnum):
    """A group of settings, by its name in ``TaskConfigPassthroughTypeEnum``."""

    RESOURCES = "RESOURCES"
    ENV = "ENV"
    AFFINITY = "KUBERNETES_AFFINITY"
    TOLERATIONS = "KUBERNETES_TOLERATIONS"
    NODE_SELECTOR = "KUBERNETES_NODE_SELECTOR"
    VOLUMES = "KUBERNETES_VOLUMES"


@dataclass(frozen=True, slots=True)
class Passthroughs:
    """Of one component."""

    apply: Mapping[str, bool] = field(default_factory=dict)
    """For each group that is passed through, whether it applies to the task as well."""

    @classmethod
    def of(cls, component: Component) -> Passthroughs:
        """Those that the component declares."""
        return cls(component.passthroughs) if component.passthroughs else NONE

    def pass_on(self, group: Passed) -> bool:
        """Whether the component is told of these settings."""
        return group in self.apply

    def withhold(self, group: Passed) -> bool:
        """Whether these settings do not apply to the component's own task."""
        return not self.apply.get(group, True)

    def of_task(self, settings: ExecutorSettings) -> ExecutorSettings:
        """Those of ``settings`` that apply to the task. Empty directories and ephemeral volumes always do."""
        if self.withhold(Passed.ENV):
            settings = replace(settings, variables=(), fields=())
        if self.withhold(Passed.VOLUMES):
            settings = replace(settings, files=(), claims=())
        return settings


NONE = Passthroughs()
