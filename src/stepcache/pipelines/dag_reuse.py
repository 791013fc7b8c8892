"""Reuse of nested DAGs as a whole: what their keys are made of, for one run or plan.

The decision note of 2026-11-25 (dag-reuse) says which DAGs, and why that is the same as their tasks one by one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stepcache.errors import StepcacheError
from stepcache.executors.containers.image import PullPolicy
from stepcache.keys.dag import DagParts
from stepcache.pipelines import step_codes, task_key
from stepcache.pipelines.model import Component, Container, DagFacts
from stepcache.pipelines.platform.keyed_values import KeyedValues
from stepcache.pipelines.values import Values
from stepcache.pipelines.whole_dag import WholeDag

if TYPE_CHECKING:
    from stepcache.pipelines.circumstances import Circumstances

_FEWEST_STEPS = 2  # a look-up of one step costs no more than one of the DAG around it


class DagReuse:
    """Which DAGs may be reused as a whole in one run. Decides, and looks nothing up."""

    def __init__(self, given: Circumstances) -> None:
        self._given = given
        self._surroundings: dict[str, Mapping[str, Any]] = {}
        self._rules = [
            [rule.pipeline, rule.component, rule.task, sorted(rule.policy.ignore_inputs)]
            for rule in given.policies.rules
            if rule.policy.ignore_inputs is not None
        ]

    async def of(self, component: Component, inputs: Values, path: str) -> WholeDag | None:
        """The DAG ``component`` with these inputs as the task with the path ``path``, as a whole.

        None where it has to go task by task: see ``DagFacts.is_closed``; DAGs with mounts of volumes; requirements
        and images that are not resolved yet; inputs that hold a secret; inputs that no key can be made of.
        """
        given = self._given
        facts = given.pipeline.dags.get(component.name)
        if facts is None or not facts.is_closed or facts.steps < _FEWEST_STEPS:
            return None
        surroundings = await self._surroundings_of(component.name, facts)
        if surroundings is None or (given.cluster.concealment and given.cluster.concealment.touches(inputs)):
            return None
        if self._rules:
            surroundings = {**surroundings, "rules": self._rules, "task": [given.pipeline.name, path]}
        parts = DagParts(
            content=facts.content,
            namespace=given.namespace,
            input_parameters=inputs.parameters,
            input_artifacts=task_key.input_artifacts(inputs),
            surroundings=surroundings,
        )
        try:
            return WholeDag.of(parts, component, path, given)
        except ValueError:
            return None

    async def _surroundings_of(self, name: str, facts: DagFacts) -> Mapping[str, Any] | None:
        known = self._surroundings.get(name)
        if known is None:
            found = await self._found(facts)
            if found is None:
                return None  # not kept: it may be known a while later
            known = self._surroundings[name] = found
        return known

    async def _found(self, facts: DagFacts) -> Mapping[str, Any] | None:
        """What the keys of the DAG's steps hold that is neither in its definition nor among its inputs."""
        given = self._given
        executors = await self._executors(facts.kinds)
        settings = [given.cluster.settings.of(label) for label in facts.labels if given.cluster.settings.executors]
        if executors is None or any(one.claims for one in settings):
            return None
        found: dict[str, Any] = {"executors": executors}
        if facts.names_places:
            found["places"] = [given.context.root, given.context.workspace]
        if any(one.kinds for one in settings):
            platforms = json.dumps(given.pipeline.platforms, sort_keys=True)
            bindings = given.cluster.bindings
            found["platform"] = hashlib.sha256(platforms.encode()).hexdigest()
            found["secrets"] = {name: sorted(key for key, _ in of.items()) for name, of in bindings.secrets.items()}
            found["config_maps"] = {name: _digests(of) for name, of in bindings.config_maps.items()}
        return found

    async def _executors(self, labels: Iterable[str]) -> dict[str, Any] | None:
        """What really runs the steps, as their keys name it; None where that is not known yet."""
        found = {}
        for label in labels:
            try:
                executor = await self._executor(label)
            except StepcacheError:  # the step itself will say what is wrong
                executor = None
            if executor is None:
                return None
            found[label] = dict(executor)
        return found

    async def _executor(self, label: str) -> Mapping[str, str] | None:
        given = self._given
        container = given.pipeline.executors[label]
        if not isinstance(container, Container):
            return None
        if given.images is None:
            code = step_codes.find(container)
            place = given.places.kept(code)
            return None if place is None else place.executor
        policy = PullPolicy.parse(given.cluster.settings.of(label).image_pull_policy)
        image = await given.images.known(container.image, policy)
        return None if image is None else image.describe()


def _digests(values: KeyedValues) -> dict[str, str]:
    return {key: hashlib.sha256(value).hexdigest() for key, value in values.items()}
