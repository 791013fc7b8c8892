"""What of a task enters its strict key."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from stepcache.artifacts.artifact import Artifact
from stepcache.pipelines import task_key
from stepcache.pipelines.model import ArtifactSpec, Component, Container, ParameterType, RetryPolicy, Task
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.values import ArtifactValue, Values

DATASET = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
DATA = ArtifactValue("data", DATASET, {"rows": 3}, Artifact("ab" * 32, 5), uri="")
TASK = Task("train", "Train", "comp-train", {}, {}, (), cached=True)
COMPONENT = Component(
    "comp-train", {}, {}, {"n": ParameterType.NUMBER_INTEGER}, {"model": ArtifactSpec({"schemaTitle": "M"})}, "exec"
)
CONTAINER = Container("python:3.11", ("sh", "-c"), ("echo",), {"MODE": "train", "TOKEN": "planted"})
INPUTS = Values({"n": 3}, {"data": (DATA,)})
EXECUTOR = {"kind": "subprocess", "python": "3.11.7"}


@dataclasses.dataclass(frozen=True)
class _Step:
    """What one execution is made of."""

    component: Component = COMPONENT
    container: Container = CONTAINER
    inputs: Values = INPUTS


STEP = _Step()


def _of(
    step: _Step = STEP, task: Task = TASK, namespace: str = "default", executor: Mapping[str, str] = EXECUTOR
) -> TaskKey:
    return task_key.of(task, step.component, step.inputs, namespace, container=step.container, executor=executor)


def _key(step: _Step = STEP, task: Task = TASK, **named: Any) -> str:
    return _of(step, task, **named).digest


def _component(**changes: Any) -> _Step:
    return _Step(component=dataclasses.replace(COMPONENT, **changes))


def _container(**changes: Any) -> _Step:
    return _Step(container=dataclasses.replace(CONTAINER, **changes))


def _artifact(**changes: Any) -> _Step:
    return _Step(inputs=dataclasses.replace(INPUTS, artifacts={"data": (dataclasses.replace(DATA, **changes),)}))


COUNTS: dict[str, _Step] = {
    "image": _container(image="python:3.12"),
    "command": _container(command=("sh", "-ec")),
    "argument": _container(args=("echo", "x")),
    "value of a variable": _container(environment={"MODE": "eval", "TOKEN": "planted"}),
    "variable more": _container(environment={**CONTAINER.environment, "MORE": ""}),
    "type of an output parameter": _component(outputs={"n": ParameterType.STRING}),
    "output artifact's declaration": _component(output_artifacts={"model": ArtifactSpec({"schemaTitle": "X"})}),
    "output artifact's metadata": _component(
        output_artifacts={"model": ArtifactSpec({"schemaTitle": "M"}, {"a": 1})}
    ),
    "output artifact as a list": _component(
        output_artifacts={"model": ArtifactSpec({"schemaTitle": "M"}, is_list=True)}
    ),
    "parameter": _Step(inputs=dataclasses.replace(INPUTS, parameters={"n": 4})),
    "parameter more": _Step(inputs=dataclasses.replace(INPUTS, parameters={"n": 3, "m": None})),
    "artifact's content": _artifact(content=Artifact("cd" * 32, 5)),
    "artifact without content": _artifact(content=None),
    "artifact's name": _artifact(name="other"),
    "artifact's type": _artifact(schema={"schemaTitle": "system.Model"}),
    "artifact's metadata": _artifact(metadata={"rows": 4}),
    "artifact more": _Step(inputs=dataclasses.replace(INPUTS, artifacts={"data": (DATA, DATA)})),
}


@pytest.mark.parametrize("what", COUNTS)
def test_what_counts(what: str) -> None:
    assert _key(COUNTS[what]) != _key()


def test_namespace_and_executor_count() -> None:
    assert len({_key(), _key(namespace=""), _key(namespace="other"), _key(executor={"kind": "container"})}) == 4


def test_equal_tasks_have_equal_keys_whatever_object_they_are() -> None:
    """Also of another pipeline, whose components are other objects."""
    component, container = dataclasses.replace(COMPONENT), dataclasses.replace(CONTAINER)
    backwards = dict(reversed(list(CONTAINER.environment.items())))
    assert component is not COMPONENT
    assert _key(_Step(component, container)) == _key()
    assert _key(_container(environment=backwards)) == _key()


def test_where_and_how_often_and_after_what_it_runs_does_not_count() -> None:
    other = dataclasses.replace(
        TASK, name="other", display_name="Other", dependencies=("before",), retry=RetryPolicy(3)
    )
    assert _key(task=other) == _key()
    assert _key(task=dataclasses.replace(TASK, component="comp-train-2")) == _key()


def test_where_an_artifact_is_counts_only_without_content() -> None:
    assert _key(_artifact(uri="s3://bucket/elsewhere")) == _key()
    metrics = [_artifact(content=None, uri=uri) for uri in ("s3://a", "s3://b")]
    assert _key(metrics[0]) != _key(metrics[1])


def test_a_parameter_is_its_value_not_its_spelling() -> None:
    double = _Step(inputs=dataclasses.replace(INPUTS, parameters={"n": 3.0}))
    assert _key(double) == _key()
    for other in ("3", True):
        assert _key(_Step(inputs=dataclasses.replace(INPUTS, parameters={"n": other}))) != _key()


def test_a_custom_key_counts_with_component_and_namespace_only() -> None:
    custom = dataclasses.replace(TASK, cache_key="mine")
    assert {_key(step, custom) for step in COUNTS.values()} == {_key(task=custom)}
    assert _key(task=custom, executor={}) == _key(task=custom)
    others = [
        _key(),
        _key(task=custom),
        _key(task=dataclasses.replace(custom, cache_key="yours")),
        _key(task=dataclasses.replace(custom, component="comp-other")),
        _key(task=custom, namespace="other"),
    ]
    assert len(set(others)) == len(others)


def test_a_parameter_that_is_no_number_has_no_key() -> None:
    with pytest.raises(ValueError, match="nan"):
        _key(_Step(inputs=dataclasses.replace(INPUTS, parameters={"n": float("nan")})))


def test_the_parts_say_what_the_key_was_made_of_and_no_value_of_a_variable() -> None:
    key = _of()
    text = key.parts(lambda value: f"masked {len(value)}")
    assert "planted" not in text
    parts = json.loads(text)
    assert parts["env"] == {"MODE": "masked 5", "TOKEN": "masked 7"}
    assert parts["component"]["image"] == "python:3.11"
    assert parts["component"]["output_parameters"] == {"n": "NUMBER_INTEGER"}
    assert parts["input_parameters"] == {"n": 3}
    assert parts["input_artifacts"] == {
        "data": [{"name": "data", "type": DATASET, "digest": "ab" * 32, "metadata": {"rows": 3}}]
    }
    assert (parts["namespace"], parts["executor"]) == ("default", EXECUTOR)


def test_the_parts_hold_no_value_of_a_variable_that_the_component_is_told_of() -> None:
    told = {"env": [{"name": "A", "value": "planted"}, {"name": "B", "valueFrom": {}}], "resources": {}}
    step = _Step(dataclasses.replace(COMPONENT, task_configs=("config",)), inputs=Values({"config": told, "n": 3}))
    text = _of(step).parts(lambda value: f"masked {len(value)}")
    assert "planted" not in text
    assert json.loads(text)["input_parameters"] == {
        "config": {"env": [{"name": "A", "value": "masked 7"}, {"name": "B", "valueFrom": {}}], "resources": {}},
        "n": 3,
    }
    sealed = _Step(step.component, inputs=Values({"config": "sealed"}))
    assert json.loads(_of(sealed).parts(str))["input_parameters"] == {"config": "sealed"}


def test_the_parts_of_a_custom_key_hold_nothing_else() -> None:
    key = _of(task=dataclasses.replace(TASK, cache_key="mine"))
    assert json.loads(key.parts(str)) == {
        "scheme": "strict-1",
        "namespace": "default",
        "custom": {"component": "comp-train", "key": "mine"},
    }
