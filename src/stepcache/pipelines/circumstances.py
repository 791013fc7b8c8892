"""What decides about a task beside the task itself: read by runs, and by plans of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from stepcache.artifacts.contract import ArtifactStore
from stepcache.cache.cache import Cache
from stepcache.executors.environments.environment import Environment
from stepcache.executors.environments.kept import KeptEnvironments
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.context import RunContext
from stepcache.pipelines.dag_reuse import DagReuse
from stepcache.pipelines.earlier import EarlierExecutions
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.place import Places
from stepcache.pipelines.platform.cluster import Cluster
from stepcache.pipelines.policy import Policies
from stepcache.stores.history import HistoryStore

if TYPE_CHECKING:
    from stepcache.executors.containers.images import KnownImages
    from stepcache.executors.containers.runtime import ContainerRuntime


@dataclass
class Circumstances:
    """The same for every task of a run. Nothing here executes anything."""

    pipeline: Pipeline
    cluster: Cluster
    context: RunContext
    namespace: str
    policies: Policies
    cache: Cache
    artifacts: ArtifactStore
    history: HistoryStore
    environments: KeptEnvironments
    engine_environment: Environment
    """The engine's own packages, as they were when the run began."""
    images: KnownImages | ContainerRuntime | None
    """The images that steps run in; None when steps are processes of this machine."""

    @cached_property
    def places(self) -> Places:
        """Where steps run."""
        return Places(self.environments, self.engine_environment)

    @cached_property
    def dags(self) -> DagReuse:
        """Which nested DAGs may be reused as a whole."""
        return DagReuse(self)

    @cached_property
    def earlier(self) -> EarlierExecutions:
        """What was executed before the run began."""
        return EarlierExecutions(self.history, self.namespace, self.context.created_at)
