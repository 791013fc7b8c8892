"""What the tasks of one DAG see before the run, and the inputs that come of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from stepcache.pipelines import placeholders, task_inputs
from stepcache.pipelines.model import (
    ABSENT,
    Component,
    ComponentInput,
    Constant,
    FinalStatus,
    JsonValue,
    Task,
    TaskOutput,
)
from stepcache.pipelines.planning.planned_task import CERTAIN, Causes
from stepcache.pipelines.planning.prospect import NOTHING, Prospect, Unknown
from stepcache.pipelines.platform.reference import Reference
from stepcache.pipelines.task_inputs import Scope

T = TypeVar("T")


class View:
    """The inputs of a DAG, and what is known of the outputs of its tasks."""

    def __init__(self, inputs: Prospect, declared: Collection[str]) -> None:
        self._statuses: dict[str, JsonValue] = {}
        self.scope = Scope(inputs.values, statuses=self._statuses, declared=declared)
        """What is known, as a run would see it."""
        self._inputs = inputs
        self._outputs: dict[str, Prospect] = {}
        self._undecided: dict[str, Causes] = {}

    def note(self, task: str, outputs: Prospect, status: JsonValue, decided_by: Causes) -> None:
        """A task as those behind it will see it."""
        self._outputs[task] = outputs
        self._undecided[task] = decided_by
        if outputs is not NOTHING:
            self.scope.outputs[task] = outputs.values
        if not decided_by:
            self._statuses[task] = status

    def parameter(self, origin: TaskOutput) -> JsonValue:
        """An output parameter of a task: its value, Unknown, or ABSENT."""
        return self._outputs.get(origin.task, NOTHING).parameter(origin.output)

    def artifact(self, origin: TaskOutput) -> JsonValue:
        """Output artifacts of a task: a tuple, Unknown, or ABSENT."""
        return self._outputs.get(origin.task, NOTHING).artifact(origin.output)

    def inputs_of(self, task: Task, component: Component, run: Mapping[str, str]) -> Prospect:
        """The inputs of ``task`` as far as they are known.

        Those that are come from ``task_inputs.resolve``, and so do its errors.
        """
        parameters = self._unknown_parameters(task)
        artifacts = {
            name: found.causes
            for name, origin in task.artifacts.items()
            if isinstance(found := self._artifact_of(origin), Unknown)
        }
        if not parameters and not artifacts:
            return Prospect(task_inputs.resolve(task, component, self.scope, run))
        known_task = replace(
            task, parameters=_without(task.parameters, parameters), artifacts=_without(task.artifacts, artifacts)
        )
        known_component = replace(
            component,
            inputs=_without(component.inputs, parameters),
            input_artifacts=_without(component.input_artifacts, artifacts),
        )
        values = task_inputs.resolve(known_task, known_component, self.scope, run)
        return Prospect(values, parameters, artifacts)

    def waits(self, references: Iterable[Reference]) -> Causes:
        """What decides about the names of secrets, config maps and volumes."""
        found = (self._value(reference) for reference in references)
        return CERTAIN.union(*(value.causes for value in found if isinstance(value, Unknown)))

    def _unknown_parameters(self, task: Task) -> dict[str, Causes]:
        found = {name: self._value(source.origin) for name, source in task.parameters.items()}
        unknown = {name: value.causes for name, value in found.items() if isinstance(value, Unknown)}
        if not unknown:
            return unknown
        for name, value in found.items():
            if isinstance(task.parameters[name].origin, Constant):
                causes = CERTAIN.union(*(unknown.get(other, CERTAIN) for other in placeholders.inputs_in(value)))
                if causes:
                    unknown[name] = causes
        return unknown

    def _value(self, origin: TaskOutput | ComponentInput | Constant | FinalStatus) -> JsonValue:
        if isinstance(origin, TaskOutput):
            return self.parameter(origin)
        if isinstance(origin, ComponentInput):
            return self._inputs.parameter(origin.name)
        if isinstance(origin, FinalStatus):
            causes = self._undecided.get(origin.task)
            return Unknown(causes) if causes else ABSENT
        return origin.value

    def _artifact_of(self, origin: TaskOutput | ComponentInput) -> JsonValue:
        return self.artifact(origin) if isinstance(origin, TaskOutput) else self._inputs.artifact(origin.name)


def _without(values: Mapping[str, T], names: Mapping[str, Causes]) -> dict[str, T]:
    return {name: value for name, value in values.items() if name not in names}
