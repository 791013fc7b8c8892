"""The inputs or outputs of a task as far as they are known before the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import ABSENT, Component, JsonValue
from stepcache.pipelines.planning.planned_task import CERTAIN, Causes
from stepcache.pipelines.values import Values


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only the run will tell."""

    causes: Causes


@dataclass(frozen=True, slots=True)
class Prospect:
    """Values, and what will decide about those that are not known."""

    values: Values = field(default_factory=Values)
    parameters: Mapping[str, Causes] = field(default_factory=dict)
    """Parameters that are not known."""
    artifacts: Mapping[str, Causes] = field(default_factory=dict)
    """Artifacts that are not known."""
    others: Causes = CERTAIN
    """What decides about values of any other name; if nothing does, there are no others."""

    @classmethod
    def of_step(cls, component: Component, causes: Causes) -> Prospect:
        """The outputs of what would be executed: a step may leave more than it declares."""
        return cls.open(component.outputs, component.output_artifacts, causes)

    @classmethod
    def open(cls, parameters: Iterable[str], artifacts: Iterable[str], causes: Causes) -> Prospect:
        """Nothing is known, not even whether there are others."""
        return cls(Values(), dict.fromkeys(parameters, causes), dict.fromkeys(artifacts, causes), causes)

    @classmethod
    def of_found(cls, parameters: Mapping[str, JsonValue], artifacts: Mapping[str, JsonValue]) -> Prospect:
        """What was found by name: values, and Unknown."""
        return cls(
            Values(_known(parameters), _known(artifacts)), _unknown(parameters), _unknown(artifacts), CERTAIN
        )

    @property
    def is_known(self) -> bool:
        """Whether nothing is missing."""
        return not (self.parameters or self.artifacts or self.others)

    def parameter(self, name: str) -> JsonValue:
        """The value, Unknown, or ABSENT."""
        return self._find(name, self.values.parameters, self.parameters)

    def artifact(self, name: str) -> JsonValue:
        """The artifacts of this name as a tuple, Unknown, or ABSENT."""
        return self._find(name, self.values.artifacts, self.artifacts)

    def waits(self, ignored: Iterable[str] = ()) -> Causes:
        """Everything that decides about what is not known, names in ``ignored`` aside."""
        passed_over = frozenset(ignored)
        gaps = (*self.parameters.items(), *self.artifacts.items())
        return self.others.union(*(causes for name, causes in gaps if name not in passed_over))

    def with_values(self, values: Values) -> Prospect:
        """The same with other known values."""
        return Prospect(values, self.parameters, self.artifacts, self.others)

    def _find(self, name: str, known: Mapping[str, JsonValue], unknown: Mapping[str, Causes]) -> JsonValue:
        if name in known:
            return known[name]
        causes = unknown.get(name, self.others)
        return Unknown(causes) if causes else ABSENT


NOTHING: Final = Prospect()
"""The outputs of what is skipped."""


def merged(component: Component, collected: Values, iterations: Sequence[Prospect]) -> Prospect:
    """The outputs of a loop: ``collected`` of what is known, less what an iteration does not know yet."""
    parameters = _gaps(iteration.parameters for iteration in iterations)
    artifacts = _gaps(iteration.artifacts for iteration in iterations)
    others = CERTAIN.union(*(iteration.others for iteration in iterations))
    if others:  # any of them may leave any output
        parameters |= {name: parameters.get(name, CERTAIN) | others for name in component.outputs}
        artifacts |= {name: artifacts.get(name, CERTAIN) | others for name in component.output_artifacts}
    return Prospect(
        Values(
            {name: value for name, value in collected.parameters.items() if name not in parameters},
            {name: value for name, value in collected.artifacts.items() if name not in artifacts},
        ),
        parameters,
        artifacts,
        others,
    )


def _gaps(every: Iterable[Mapping[str, Causes]]) -> dict[str, Causes]:
    gaps: dict[str, Causes] = {}
    for iteration in every:
        for name, causes in iteration.items():
            gaps[name] = gaps.get(name, CERTAIN) | causes
    return gaps


def _known(found: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in found.items() if not isinstance(value, Unknown)}


def _unknown(found: Mapping[str, JsonValue]) -> dict[str, Causes]:
    return {name: value.causes for name, value in found.items() if isinstance(value, Unknown)}
