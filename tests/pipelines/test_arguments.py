import pytest

from stepcache.errors import InputError
from stepcache.pipelines.arguments import resolve, split
from stepcache.pipelines.model import ABSENT, Component, InputParameter, JsonValue, ParameterType

TYPES = {
    "text": ParameterType.STRING,
    "count": ParameterType.NUMBER_INTEGER,
    "rate": ParameterType.NUMBER_DOUBLE,
    "flag": ParameterType.BOOLEAN,
    "items": ParameterType.LIST,
    "options": ParameterType.STRUCT,
}


def _root(**inputs: InputParameter) -> Component:
    return Component("root", inputs, {}, {}, {}, "")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "5", "5"),
        ("text", "", ""),
        ("text", "a=b c", "a=b c"),
        ("count", "5", 5),
        ("count", " -7 ", -7),
        ("count", "1e3", 1000),
        ("rate", "5", 5.0),
        ("rate", "1e-3", 0.001),
        ("flag", "true", True),
        ("flag", "False", False),
        ("items", "[1, 2.5]", [1, 2.5]),
        ("options", '{"a": null}', {"a": None}),
    ],
)
def test_text_is_typed_by_the_pipeline(name: str, text: str, value: JsonValue) -> None:
    resolved = resolve(_root(**{name: InputParameter(TYPES[name])}), split([f"{name}={text}"]))
    assert resolved == {name: value}
    assert type(resolved[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "5.5"),
        ("count", "five"),
        ("count", "true"),
        ("rate", "NaN"),
        ("rate", ""),
        ("flag", "yes"),
        ("items", '{"a": 1}'),
        ("items", "[1"),
        ("options", "[]"),
        ("options", "null"),
    ],
)
def test_text_of_the_wrong_type_is_refused(name: str, text: str) -> None:
    with pytest.raises(InputError, match=f"parameter '{name}': expected"):
        resolve(_root(**{name: InputParameter(TYPES[name])}), {name: text})


def test_every_problem_is_named_at_once() -> None:
    root = _root(epochs=InputParameter(TYPES["count"]), name=InputParameter(TYPES["text"]))
    with pytest.raises(InputError) as caught:
        resolve(root, {"epocs": "3", "epochs": "three"})
    message = str(caught.value)
    assert "unknown parameter 'epocs' (did you mean 'epochs'?)" in message
    assert "parameter 'epochs': expected a whole number, got 'three'" in message
    assert "parameter 'name' is missing (a text)" in message


def test_defaults_and_optional_parameters() -> None:
    root = _root(
        given=InputParameter(TYPES["count"], default=1),
        default=InputParameter(TYPES["rate"], default=2),
        absent=InputParameter(TYPES["text"], default=ABSENT, optional=True),
    )
    assert resolve(root, {"given": "5"}) == {"given": 5, "default": 2.0}


def test_literals() -> None:
    root = _root(mode=InputParameter(TYPES["text"], literals=("fast", "slow")))
    assert resolve(root, {"mode": "slow"}) == {"mode": "slow"}
    with pytest.raises(InputError, match="expected one of fast, slow, got medium"):
        resolve(root, {"mode": "medium"})


@pytest.mark.parametrize("text", ["name", "=value", ""])
def test_an_assignment_needs_a_name_and_a_value(text: str) -> None:
    with pytest.raises(InputError, match="not of the form name=value"):
        split([text])
