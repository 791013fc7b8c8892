"""What every execution of a container's command has in common, wherever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import task_key
from stepcache.pipelines.model import Component, Container, Task
from stepcache.pipelines.platform.provision import Provision
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.values import Values


@dataclass(frozen=True, kw_only=True)
class CommandWork(ABC):
    """A command, its inputs, and what it gets in place of what a pod has. Promises what ``Work`` does."""

    component: Component
    container: Container
    inputs: Values
    run: Mapping[str, str]
    """The placeholders of the run."""
    keyed: Values
    """The inputs as they enter the key: without the values of secrets."""
    provision: Provision
    refreshes: bool = False

    @property
    @abstractmethod
    def executor(self) -> Mapping[str, str]:
        """What runs it, as keys name it."""

    @property
    def is_reusable(self) -> bool:
        """See ``Work``."""
        return self.provision.is_reusable

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """See ``Work``."""
        return task_key.of(
            task,
            self.component,
            self.keyed.without(ignored),
            namespace,
            container=self.container,
            share=self.provision.key,
            executor=self.executor,
        )

    def template(self) -> Mapping[str, Any]:
        """See ``Work``."""
        return {"image": self.container.image, "command": self.container.command, "args": self.container.args}
