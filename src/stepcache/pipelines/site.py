"""Where runs take place, and whether a pipeline can run there at all."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import unsupported
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.platform.check import check
from stepcache.pipelines.platform.cluster import Cluster
from stepcache.pipelines.root_inputs import RootInputs

if TYPE_CHECKING:
    from stepcache.pipelines.engine import Options


@dataclass(frozen=True, slots=True)
class Site:
    """A home, with an artifact store."""

    home: Path
    artifacts: str
    """The location of the artifact store."""
    mask: Mask
    """The home's."""

    async def prepare(self, pipeline: Pipeline, inputs: RootInputs, source: str, options: Options) -> Cluster:
        """What stands for the cluster in a run of ``pipeline``.

        Raises InputError with whatever can be told to be wrong before the run; ``source`` names the pipeline in it.
        """
        unsupported.check(pipeline, source, commands=options.host_commands or options.containers)
        cluster = Cluster.of(pipeline, options.bindings, self.home, options.namespace, source, mask=self.mask)
        needed = (str(self.home), self.artifacts, tempfile.gettempdir())
        await asyncio.to_thread(
            check,
            cluster,
            inputs.parameters,
            source=source,
            needed=needed,
            on_the_host=not options.containers,
        )
        return cluster
