"""Plans runs: what each task would come to, from what is known now."""

from __future__ import annotations

import contextlib
import time
import uuid
from pathlib import Path

from stepcache.cache.cache import Cache
from stepcache.errors import StepcacheError
from stepcache.executors.containers import runtime
from stepcache.executors.containers.images import KnownImages
from stepcache.executors.environments.kept import KeptEnvironments
from stepcache.pipelines import root_values, task_order, workspace
from stepcache.pipelines.circumstances import Circumstances
from stepcache.pipelines.context import RunContext
from stepcache.pipelines.engine import Options
from stepcache.pipelines.mask import Mask
from stepcache.pipelines.model import Dag, Pipeline
from stepcache.pipelines.planning.dag_plan import DagPlan, WouldFailError
from stepcache.pipelines.planning.plan import Plan
from stepcache.pipelines.planning.prospect import Prospect
from stepcache.pipelines.planning.survey import Survey
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.pipelines.site import Site
from stepcache.stores.history import HistoryStore


class Planner:
    """Looks at a cache (see ``api.opened_to_read``) and a home. Runs, makes and changes nothing."""

    def __init__(self, cache: Cache, history: HistoryStore, home: Path) -> None:
        self._cache = cache
        self._history = history
        self._home = home

    async def plan(self, pipeline: Pipeline, inputs: RootInputs, *, source: str, options: Options) -> Plan:
        """What ``Engine.run`` with these arguments would do, if it began now and every step succeeded.

        Raises InputError for what it would refuse, and StoreUnavailableError when the store or the artifact store
        cannot be read.
        """
        artifacts = self._cache.artifacts
        site = Site(self._home, artifacts.location, Mask.kept(self._home))
        cluster = await site.prepare(pipeline, inputs, source, options)
        environments = KeptEnvironments(self._home, refresh=options.refresh_environments)
        images = KnownImages(await runtime.answering()) if options.containers else None
        given = Circumstances(
            pipeline=pipeline,
            cluster=cluster,
            context=RunContext(
                run_id=str(uuid.uuid4()),
                pipeline=pipeline.name,
                created_at=time.time(),
                root=artifacts.location,
                workspace=str(workspace.path(self._home, options.namespace, pipeline)),
            ),
            namespace=options.namespace,
            policies=options.policies,
            cache=self._cache,
            artifacts=artifacts,
            history=self._history,
            environments=environments,
            engine_environment=environments.of_engine(),
            images=images,
        )
        body = pipeline.root.body
        if not isinstance(body, Dag):
            raise StepcacheError("the root of the pipeline is no DAG")
        survey = Survey(given)
        root = DagPlan(pipeline.root, body, await _foreseen(inputs, pipeline), "", survey)
        with contextlib.suppress(WouldFailError):  # the task that would fail says so
            await root.outputs()
        return Plan(pipeline.name, tuple(task_order.in_order(survey.tasks)))


async def _foreseen(inputs: RootInputs, pipeline: Pipeline) -> Prospect:
    """The inputs of the run; what is in an artifact elsewhere is not known before it is brought."""
    values, elsewhere = await root_values.foresee(inputs, pipeline)
    return Prospect(values, artifacts={name: frozenset((f"input artifact '{name}'",)) for name in elsewhere})
