import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.errors import InputError
from stepcache.pipelines.arguments import grouped, resolve, split
from stepcache.pipelines.model import ArtifactSpec, Component, InputParameter, ParameterType
from stepcache.pipelines.root_inputs import Given, RootInputs

STRING, INTEGER = ParameterType.STRING, ParameterType.NUMBER_INTEGER
ROOT = Component(
    "root",
    {"name": InputParameter(STRING), "epochs": InputParameter(INTEGER, default=1)},
    {"data": ArtifactSpec({}), "extra": ArtifactSpec({}, optional=True)},
    {},
    {},
    "",
)


def test_parameters_and_artifacts_together() -> None:
    assert resolve(ROOT, Given(texts={"name": "a"}, artifacts={"data": ("s3://b/k",)})) == RootInputs(
        {"name": "a", "epochs": 1}, {"data": ("s3://b/k",)}
    )


def test_every_problem_is_named_at_once() -> None:
    wrong = Given(
        texts={"epochs": "three", "epocs": "3", "data": "d.csv"},
        values={"sundry": 1},
        artifacts={"dta": ("s3://b/k",), "name": ("s3://b/k",), "extra": ("/absent",)},
    )
    with pytest.raises(InputError) as caught:
        resolve(ROOT, wrong)
    assert str(caught.value).split("; ") == [
        "unknown parameter 'sundry' (the pipeline has: name, epochs)",
        "unknown parameter 'epocs' (did you mean 'epochs'?)",
        "'data' is no parameter but one of the pipeline's artifacts",
        "unknown artifact 'dta' (did you mean 'data'?)",
        "'name' is no artifact but one of the pipeline's parameters",
        "parameter 'name' is missing (a text)",
        "parameter 'epochs': expected a whole number, got 'three'",
        "artifact 'data' is missing (system.Artifact)",
        "artifact 'extra': /absent is not there",
    ]
    assert "-p name=value" in caught.value.remedy


@given(
    st.dictionaries(st.text(min_size=1), st.text()),
    st.dictionaries(st.text(min_size=1), st.none() | st.integers() | st.text()),
    st.dictionaries(st.text(min_size=1), st.tuples(st.text())),
)
def test_every_wrong_name_is_in_the_error(
    texts: dict[str, str], values: dict[str, object], artifacts: dict[str, tuple[str]]
) -> None:
    names = {name for name in {**texts, **values} if name not in ROOT.inputs}
    names |= {name for name in artifacts if name not in ROOT.input_artifacts}
    with pytest.raises(InputError) as caught:
        resolve(ROOT, Given(texts=texts, values=values, artifacts=artifacts))
    assert [name for name in names if f"'{name}'" not in str(caught.value)] == []


def test_a_pipeline_without_inputs_says_so() -> None:
    with pytest.raises(InputError, match=r"unknown parameter 'x' \(the pipeline has: none\)"):
        resolve(Component("root", {}, {}, {}, {}, ""), Given(texts={"x": "1"}))


def test_assignments() -> None:
    assert split(["a=1", "b=x=y", "a=", "c= d "]) == [("a", "1"), ("b", "x=y"), ("a", ""), ("c", " d ")]
    assert grouped([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": ("1", "3"), "b": ("2",)}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["name"], "'name' is not of the form"),
        (["=value"], "'=value' is not"),
        ([""], "'' is not"),
        (["a", "b=1", "=c"], "'a', '=c' are not of the form name=value"),
    ],
)
def test_an_assignment_needs_a_name_and_a_value(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        split(texts, "-a")
    assert caught.value.remedy == "write -a name=value"
