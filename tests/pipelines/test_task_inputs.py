import dataclasses
from typing import Any

import pytest

from stepcache.pipelines import task_inputs
from stepcache.pipelines.model import (
    ABSENT,
    ArtifactSpec,
    Component,
    ComponentInput,
    Constant,
    InputParameter,
    ParameterSource,
    ParameterType,
    Task,
    TaskOutput,
)
from stepcache.pipelines.task_inputs import Scope
from stepcache.pipelines.values import ArtifactValue, Values

TASK = Task("task", "task", "comp", {}, {}, ())
RUN = {"pipeline_job_name": "my-job", "pipeline_job_uuid": "1234"}


def _resolve(
    kind: ParameterType, source: Any, *, scope: Scope | None = None, default: Any = ABSENT, optional: bool = False
) -> Any:
    component = Component("comp", {"x": InputParameter(kind, default, optional)}, {}, {}, {}, "exec")
    parameters = {} if source is None else {"x": ParameterSource(source)}
    parameters["other"] = ParameterSource(Constant(5))
    task = dataclasses.replace(TASK, parameters=parameters)
    return task_inputs.resolve(task, component, scope or Scope(Values()), RUN).parameters.get("x", ABSENT)


def test_sources() -> None:
    scope = Scope(Values({"given": 1}), {"before": Values({"Output": 2})})
    number = ParameterType.NUMBER_INTEGER
    assert _resolve(number, ComponentInput("given"), scope=scope) == 1
    assert _resolve(number, TaskOutput("before", "Output"), scope=scope) == 2
    assert _resolve(number, Constant(3)) == 3


def test_what_is_absent_takes_the_default_or_stays_absent() -> None:
    text = ParameterType.STRING
    assert _resolve(text, None, default="d") == "d"
    assert _resolve(text, ComponentInput("absent"), default="d") == "d"
    assert _resolve(text, ComponentInput("absent"), optional=True) is ABSENT
    with pytest.raises(ValueError, match="'x' has no value"):
        _resolve(text, ComponentInput("absent"))
    with pytest.raises(ValueError, match="'before' left no output parameter 'y'"):
        _resolve(text, TaskOutput("before", "y"), scope=Scope(Values(), {"before": Values()}))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ParameterType.STRING, 5, "5"),
        (ParameterType.STRING, 5.0, "5"),
        (ParameterType.STRING, True, "true"),
        (ParameterType.STRING, {"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
        (ParameterType.NUMBER_INTEGER, 5.0, 5),
        (ParameterType.NUMBER_DOUBLE, 5, 5.0),
        (ParameterType.STRUCT, {"a": 1}, {"a": 1}),
    ],
)
def test_conversion(kind: ParameterType, value: Any, expected: Any) -> None:
    converted = _resolve(kind, Constant(value))
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ParameterType.NUMBER_INTEGER, "5"),
        (ParameterType.NUMBER_INTEGER, 5.5),
        (ParameterType.BOOLEAN, 1),
        (ParameterType.LIST, {}),
        (ParameterType.NUMBER_INTEGER, None),
    ],
)
def test_a_value_of_another_type_is_refused(kind: ParameterType, value: Any) -> None:
    with pytest.raises(ValueError, match="input parameter 'x': expected"):
        _resolve(kind, Constant(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n={{$.inputs.parameters['other']}}!", "n=5!"),
        ('{{$.inputs.parameters["other"]}}', "5"),
        ("{{$.inputs.parameters['other']}}{{$.inputs.parameters['other']}}", "55"),
        ("{{$.pipeline_job_name}}/{{$.pipeline_job_uuid}}", "my-job/1234"),
        ("{{workflow.name}} {{$.unknown}}", "{{workflow.name}} {{$.unknown}}"),
    ],
)
def test_placeholders_in_constants(text: str, expected: str) -> None:
    assert _resolve(ParameterType.STRING, Constant(text)) == expected


def test_a_constant_that_is_one_placeholder_keeps_its_type() -> None:
    assert _resolve(ParameterType.NUMBER_INTEGER, Constant("{{$.inputs.parameters['other']}}")) == 5


def test_values_are_never_read_as_placeholders() -> None:
    scope = Scope(Values({"given": "{{$.pipeline_job_name}}"}))
    assert _resolve(ParameterType.STRING, ComponentInput("given"), scope=scope) == "{{$.pipeline_job_name}}"


def test_artifacts() -> None:
    artifact = (ArtifactValue("a", {}, {}, None),)
    scope = Scope(Values({}, {"given": artifact}), {"before": Values({}, {"data": artifact})})
    component = Component(
        "comp", {}, {"x": ArtifactSpec({}), "maybe": ArtifactSpec({}, optional=True)}, {}, {}, "exec"
    )

    def resolve(origin: Any) -> Any:
        task = dataclasses.replace(TASK, artifacts={"x": origin})
        return task_inputs.resolve(task, component, scope, RUN).artifacts

    assert resolve(ComponentInput("given")) == {"x": artifact}
    assert resolve(TaskOutput("before", "data")) == {"x": artifact}
    with pytest.raises(ValueError, match="input artifact 'x' has no value"):
        resolve(ComponentInput("absent"))
    with pytest.raises(ValueError, match="'before' left no output artifact 'other'"):
        resolve(TaskOutput("before", "other"))
