"""What stands for the cluster in one run: what the pipeline asks of it, and what the user gives in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepcache.executors.redaction import Redactor
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.platform import parsing
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.concealment import Concealment
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.provision import Provision, provide
from stepcache.pipelines.platform.settings import PlatformSettings
from stepcache.pipelines.platform.volumes import Volumes


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

    def provide(self, label: str, known: Known, pod: Pod) -> Provision:
        """What a task gets that the executor with this label executes.

        Raises ValueError, with a sentence for people, for what is missing.
        """
        return provide(self.settings.of(label), known, self.bindings, self.volumes, pod)
