"""What stands for the cluster in one run: what the pipeline asks of it, and what the user gives in its place."""

from __future__ import annotations

from pathlib import Path

from stepcache.executors.redaction import Redactor
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Component, Container, Pipeline
from stepcache.pipelines.platform import parsing
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.concealment import Concealment
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.passthroughs import Passthroughs
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.provision import Provision, provide
from stepcache.pipelines.platform.reference import Reference
from stepcache.pipelines.platform.settings import PlatformSettings
from stepcache.pipelines.platform.volumes import Volumes
from stepcache.pipelines.values import Values


@dataclass(frozen=True, slots=True)
class Cluster:
    """Shared by every task of a run."""

    pipeline: Pipeline
    settings: PlatformSettings
    bindings: Bindings
    volumes: Volumes
    concealment: Concealment

    @classmethod
    def of(  # noqa: PLR0913 - what it consists of
        cls,
        pipeline: Pipeline,
        bindings: Bindings,
        home: Path,
        namespace: str,
        source: str,
        *,
        mask: Mask | None = None,
    ) -> Cluster:
        """The cluster of a run in ``namespace``; ``source`` names the pipeline in errors.

        ``mask`` is that of the home, which is made if none is given.
        Raises InputError for platform settings that cannot be.
        """
        settings = parsing.parse(pipeline.platforms, source)
        return cls(
            pipeline,
            settings,
            bindings,
            Volumes(home, namespace, bindings.volumes),
            Concealment(bindings, mask or Mask.of(home)),
        )

    @property
    def redactor(self) -> Redactor:
        """Masks the values of the run's secrets in logs and messages."""
        return self.concealment.redactor

    def references(self, component: Component) -> tuple[Reference, ...]:
        """Where the settings of a task that executes ``component`` come from, as far as they have to do with it."""
        settings = self.settings.of(str(component.body))
        return (*settings.references, *(settings.scheduling.references if component.task_configs else ()))

    def provide(self, component: Component, known: Known, pod: Pod) -> Provision:
        """What a task gets that executes ``component``, which has an executor.

        Raises ValueError, with a sentence for people, for what is missing.
        """
        settings, passed = self.settings.of(str(component.body)), Passthroughs.of(component)
        return provide(settings, known, self.bindings, self.volumes, pod, passthroughs=passed)

    def tell(self, component: Component, container: Container, inputs: Values, known: Known) -> Values:
        """``inputs`` of a task that executes ``component``, with what that is told of the task's settings.

        Raises ValueError, with a sentence for people, for settings that cannot be.
        """
        from stepcache.pipelines.platform import task_config  # few pipelines need it

        settings = self.settings.of(str(component.body))
        told = task_config.build(Passthroughs.of(component), settings, container, inputs, known)
        return Values({**inputs.parameters, **dict.fromkeys(component.task_configs, told)}, inputs.artifacts)
