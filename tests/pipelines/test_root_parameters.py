from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines import parameter_types, root_parameters
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.model import InputParameter, JsonValue, ParameterType
from stepcache.pipelines.root_inputs import Given
from tests.pipelines.test_parameter_types import OF_TYPE, kinds
from tests.pipelines.test_yaml_reader import VALUES

STRING, INTEGER, DOUBLE = ParameterType.STRING, ParameterType.NUMBER_INTEGER, ParameterType.NUMBER_DOUBLE
BOOLEAN, LIST = ParameterType.BOOLEAN, ParameterType.LIST
ABSENT: Any = object()


def _resolve(
    parameter: InputParameter, *, text: str | None = None, value: JsonValue = ABSENT
) -> tuple[JsonValue, list[str]]:
    """What becomes of one parameter, ABSENT for nothing, and the problems with it."""
    provided = Given(
        texts={} if text is None else {"x": text},
        values={} if value is ABSENT else {"x": value},
    )
    values, problems = root_parameters.resolve({"x": parameter}, provided)
    return values.get("x", ABSENT), problems


@given(st.data(), kinds)
def test_a_value_of_the_type_is_taken_as_text_and_as_value(data: st.DataObject, kind: ParameterType) -> None:
    value = data.draw(OF_TYPE[kind])
    expected = plain(value) if kind in (LIST, ParameterType.STRUCT) else value
    assert _resolve(InputParameter(kind), value=value) == (expected, [])
    assert _resolve(InputParameter(kind), text=parameter_types.to_text(value)) == (expected, [])


@given(st.text(), kinds, st.booleans())
def test_any_text_is_taken_or_one_problem(text: str, kind: ParameterType, optional: bool) -> None:
    value, problems = _resolve(InputParameter(kind, optional=optional), text=text)
    if problems:
        assert value is ABSENT
        assert len(problems) == 1
        assert problems[0].startswith("parameter 'x'")
    elif value is not ABSENT:
        assert parameter_types.given(value, kind) == value


@given(VALUES, kinds)
def test_any_value_is_taken_or_one_problem(value: JsonValue, kind: ParameterType) -> None:
    resolved, problems = _resolve(InputParameter(kind), value=value)
    assert (resolved is ABSENT) == (len(problems) == 1)


@given(VALUES, kinds)
def test_any_default_is_taken_or_one_problem(default: JsonValue, kind: ParameterType) -> None:
    resolved, problems = _resolve(InputParameter(kind, default=default))
    if problems:
        assert problems[0].startswith("parameter 'x' has a default of the wrong type: expected")
    else:
        assert (resolved is ABSENT) == (default is None)


@given(st.data(), kinds)
def test_texts_win_over_values_and_both_over_defaults(data: st.DataObject, kind: ParameterType) -> None:
    default, value, text = (data.draw(OF_TYPE[kind]) for _ in range(3))
    parameter = InputParameter(kind, default=default)
    as_text = parameter_types.to_text(text)
    assert _resolve(parameter, text=as_text, value=value) == _resolve(InputParameter(kind), text=as_text)
    assert _resolve(parameter, value=value) == _resolve(InputParameter(kind), value=value)


@pytest.mark.parametrize(
    ("parameter", "resolved"),
    [
        (InputParameter(INTEGER, default=5), 5),
        (InputParameter(INTEGER, default=5.0), 5),
        (InputParameter(DOUBLE, default=5, optional=True), 5.0),
        (InputParameter(STRING, default=5), "5"),
        (InputParameter(STRING, default="slow", literals=("fast",)), "slow"),  # a default is taken as it is
        (InputParameter(STRING, optional=True), ABSENT),
        (InputParameter(STRING, default=None), ABSENT),
        (InputParameter(ParameterType.TASK_FINAL_STATUS, optional=True), ABSENT),
    ],
)
def test_what_is_not_given_takes_its_default_or_stays_absent(
    parameter: InputParameter, resolved: JsonValue
) -> None:
    assert _resolve(parameter) == (resolved, [])


@pytest.mark.parametrize(
    ("parameter", "given_as", "problem"),
    [
        (InputParameter(STRING), {}, "parameter 'x' is missing (a text)"),
        (InputParameter(LIST), {}, "parameter 'x' is missing (a JSON list)"),
        (
            InputParameter(ParameterType.TASK_FINAL_STATUS),
            {},
            "parameter 'x' is missing (the final status of a task)",
        ),
        (
            InputParameter(ParameterType.TASK_FINAL_STATUS, optional=True),
            {"text": "{}"},
            "parameter 'x' cannot be given: it is the final status of a task",
        ),
        (
            InputParameter(ParameterType.TASK_CONFIG, optional=True),
            {"value": {}},
            "parameter 'x' cannot be given: it is the configuration of a task",
        ),
        (
            InputParameter(ParameterType.UNSPECIFIED),
            {"text": "5"},
            "parameter 'x' cannot be given: it is of no type",
        ),
        (InputParameter(INTEGER), {"text": "five"}, "parameter 'x': expected a whole number, got 'five'"),
        (InputParameter(INTEGER), {"value": "5"}, "parameter 'x': expected a whole number, got '5'"),
        (InputParameter(STRING), {"value": 5}, "parameter 'x': expected a text, got 5: put it in quotes"),
        (InputParameter(STRING), {"text": "\udcff"}, "parameter 'x': expected Unicode text, got '\\udcff'"),
        (
            InputParameter(STRING, default="a"),
            {"value": None},
            "parameter 'x' is not optional, so it cannot be null",
        ),
        (InputParameter(LIST), {"text": "null"}, "parameter 'x' is not optional, so it cannot be null"),
        (
            InputParameter(INTEGER, default="5"),
            {},
            "parameter 'x' has a default of the wrong type: expected a whole number, got '5'",
        ),
        (
            InputParameter(STRING, literals=("fast", "slow")),
            {"text": "medium"},
            "parameter 'x': expected one of fast, slow, got medium",
        ),
        (InputParameter(INTEGER, literals=(1, 3)), {"text": "2"}, "parameter 'x': expected one of 1, 3, got 2"),
        (
            InputParameter(BOOLEAN, literals=(1, "true")),
            {"text": "true"},
            "parameter 'x': expected one of 1, true, got true",
        ),
    ],
)
def test_problems(parameter: InputParameter, given_as: dict[str, Any], problem: str) -> None:
    assert _resolve(parameter, **given_as) == (ABSENT, [problem])


@pytest.mark.parametrize(
    ("parameter", "given_as", "resolved"),
    [
        (InputParameter(STRING, literals=("fast", "slow")), {"text": "slow"}, "slow"),
        (InputParameter(INTEGER, literals=(1, 3)), {"value": 3.0}, 3),
        (InputParameter(DOUBLE, literals=(1, 0.5)), {"text": "1"}, 1.0),
        (InputParameter(BOOLEAN, literals=(True,)), {"text": "True"}, True),
        (InputParameter(STRING, optional=True), {"text": "null"}, "null"),
        (InputParameter(INTEGER, default=5, optional=True), {"text": "null"}, ABSENT),
        (InputParameter(STRING, default="a", optional=True, literals=("a",)), {"value": None}, ABSENT),
        (InputParameter(LIST), {"value": [1.0, {"a": 2.0}, 0.5]}, [1, {"a": 2}, 0.5]),
        (InputParameter(INTEGER, default="wrong"), {"text": "5"}, 5),
    ],
)
def test_literals_null_and_numbers(
    parameter: InputParameter, given_as: dict[str, Any], resolved: JsonValue
) -> None:
    found, problems = _resolve(parameter, **given_as)
    assert problems == []
    assert (found, type(found)) == (resolved, type(resolved))
