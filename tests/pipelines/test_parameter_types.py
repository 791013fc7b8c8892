import json
import math
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines import parameter_types
from stepcache.pipelines.model import JsonValue, ParameterType
from tests.pipelines.refusal import refusal
from tests.pipelines.test_yaml_reader import TEXT, VALUES

DOUBLE, INTEGER = ParameterType.NUMBER_DOUBLE, ParameterType.NUMBER_INTEGER
STRING, BOOLEAN = ParameterType.STRING, ParameterType.BOOLEAN
LIST, STRUCT = ParameterType.LIST, ParameterType.STRUCT
OF_TYPE: dict[ParameterType, st.SearchStrategy[Any]] = {
    DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    INTEGER: st.integers(min_value=-(2**53), max_value=2**53),
    STRING: TEXT,
    BOOLEAN: st.booleans(),
    LIST: st.lists(VALUES, max_size=4),
    STRUCT: st.dictionaries(TEXT, VALUES, max_size=4),
}
EXACTLY: dict[ParameterType, type] = {
    DOUBLE: float,
    INTEGER: int,
    STRING: str,
    BOOLEAN: bool,
    LIST: list,
    STRUCT: dict,
}
kinds = st.sampled_from(list(OF_TYPE))


@given(st.data(), kinds)
def test_a_value_comes_back_from_its_text(data: st.DataObject, kind: ParameterType) -> None:
    value = data.draw(OF_TYPE[kind])
    text = value if isinstance(value, str) else json.dumps(value)
    parsed = parameter_types.from_text(text, kind)
    assert parsed == value == parameter_types.given(value, kind)
    assert type(parsed) is EXACTLY[kind]


@given(st.data(), kinds)
def test_a_value_comes_back_from_the_text_that_steps_see(data: st.DataObject, kind: ParameterType) -> None:
    value = data.draw(OF_TYPE[kind])
    assert parameter_types.from_text(parameter_types.to_text(value), kind) == value


@given(st.text(), kinds)
def test_any_text_has_the_type_or_is_refused(text: str, kind: ParameterType) -> None:
    refused = refusal(ValueError, lambda: parameter_types.from_text(text, kind))
    if refused is None:
        assert type(parameter_types.from_text(text, kind)) is EXACTLY[kind]
    else:
        assert str(refused).startswith("expected ")
        assert len(str(refused)) < 150


@given(VALUES, kinds)
def test_any_value_has_the_type_or_is_refused(value: JsonValue, kind: ParameterType) -> None:
    for check in (parameter_types.convert, parameter_types.given):
        refused = refusal(ValueError, partial(check, value, kind))
        if refused is None:
            assert type(check(value, kind)) is EXACTLY[kind]
        else:
            assert "expected" in str(refused)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (INTEGER, "5", 5),
        (INTEGER, " +7\n", 7),
        (INTEGER, "007", 7),
        (INTEGER, "1e3", 1000),
        (INTEGER, "5.0", 5),
        (INTEGER, "9007199254740993", 9007199254740993),
        (DOUBLE, ".5", 0.5),
        (DOUBLE, "5.", 5.0),
        (DOUBLE, "+5e-1", 0.5),
        (BOOLEAN, "T", True),
        (BOOLEAN, "0", False),
        (LIST, "[]", []),
        (STRUCT, ' {"a": null}', {"a": None}),
    ],
)
def test_text_is_read_as_kfp_reads_output_files(kind: ParameterType, text: str, value: JsonValue) -> None:
    parsed = parameter_types.from_text(text, kind)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (INTEGER, "5.5"),
        (INTEGER, "five"),
        (INTEGER, "true"),
        (INTEGER, "٣"),
        (INTEGER, "9" * 5000),
        (DOUBLE, "NaN"),
        (DOUBLE, "inf"),
        (DOUBLE, "1e999"),
        (DOUBLE, ""),
        (DOUBLE, "1_000"),
        (BOOLEAN, "yes"),
        (BOOLEAN, ""),
        (LIST, '{"a": 1}'),
        (LIST, "[1"),
        (LIST, "[NaN]"),
        (LIST, "[" * 100_000),
        (STRUCT, "[]"),
        (STRUCT, "null"),
    ],
)
def test_text_of_another_type_is_refused(kind: ParameterType, text: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {parameter_types.NAMES[kind]}, got"):
        parameter_types.from_text(text, kind)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (STRING, 5, "expected a text, got 5: put it in quotes"),
        (STRING, True, "expected a text, got true: put it in quotes"),
        (STRING, "\ud800", "expected Unicode text"),
        (INTEGER, "5", "expected a whole number, got '5'"),
        (INTEGER, 5.5, "expected a whole number, got 5.5"),
        (INTEGER, 2**53 + 1, "9007199254740993 is more exact than KFP's numbers"),
        (INTEGER, 39816666723692131, "more exact than KFP's numbers"),
        (INTEGER, 10**400, "that a double can hold"),
        (INTEGER, True, "expected a whole number, got true"),
        (DOUBLE, 10**400, "that a double can hold"),
        (DOUBLE, math.inf, "that a double can hold"),
        (DOUBLE, "0.5", "expected a number, got '0.5'"),
        (BOOLEAN, 1, "expected true or false, got 1"),
        (BOOLEAN, "true", "expected true or false, got 'true'"),
        (LIST, {"a": 1}, "expected a JSON list"),
        (LIST, ["\udfff"], "expected Unicode text"),
        (LIST, [[2**53 + 1]], "more exact than KFP's numbers"),
        (STRUCT, {"\ud800": 1}, "expected Unicode text"),
        (STRUCT, [], "expected a JSON object"),
        (STRUCT, None, "expected a JSON object, got null"),
    ],
)
def test_what_is_given_must_be_of_the_very_type(kind: ParameterType, value: JsonValue, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameter_types.given(value, kind)


@pytest.mark.parametrize("number", [2**53, 2**60, 39816666723692130, -(10**22), 10**300])
def test_a_whole_number_that_kfp_keeps_is_taken(number: int) -> None:
    assert parameter_types.given(number, INTEGER) == number
    assert parameter_types.given([number], LIST) == [number]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        (True, "true"),
        (5, "5"),
        (5.0, "5"),
        (-0.5, "-0.5"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (12345678.9, "12345678.9"),
        ([1.0, 1e21, 1e-7, "<a>"], '[1,1e+21,1e-7,"\\u003ca\\u003e"]'),
        ({"b": 1, "a": [None, "ü"]}, '{"a":[null,"ü"],"b":1}'),
    ],
)
def test_text_is_what_go_prints(value: JsonValue, text: str) -> None:
    assert parameter_types.to_text(value) == text
