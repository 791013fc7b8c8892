"""Selectors have the answers of KFP's driver. ``cel_selectors.jsonl`` holds what cel-go itself answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys import go_json
from stepcache.pipelines.selector import select, to_text

VECTORS = Path(__file__).parent.parent / "data" / "vectors" / "cel_selectors.jsonl"


def _answer(selector: str, value: Any) -> Any:
    try:
        return json.dumps(select(selector, value), sort_keys=True)
    except ValueError:
        return "error"


def test_every_answer_is_that_of_cel_go() -> None:
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    assert len(vectors) > 400
    wrong = [
        vector
        for vector in vectors
        if _answer(vector["expression"], vector["value"])
        != (json.dumps(vector["result"], sort_keys=True) if "result" in vector else "error")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("selector", "value", "expected"),
    [
        # what KFP's compiler writes, for a member of a loop's item
        ('parseJson(string_value)["A_a"]', {"A_a": 1, "B_b": 2}, 1),
        ('parseJson(string_value)["A_a"]', '{"A_a": "1"}', "1"),
        ('parseJson(string_value)["A_a"]', {"A_a": {"é<": [1.5, None, True]}}, {"é<": [1.5, None, True]}),
        # each kind of value under its own name, and as text
        ("number_value", 5, 5),
        ("number_value", 1.5, 1.5),
        ("bool_value", False, False),
        ("string_value", "a", "a"),
        ("struct_value.a", {"a": "A"}, "A"),
        ("list_value[1]", [1, 2], 2),
        ("null_value", None, 0),
        ("string_value", None, ""),
        ("string_value", True, "true"),
        ("string_value", 5.0, "5"),
        ("string_value", 1e21, "1000000000000000000000"),
        ("string_value", {"b": "<", "a": [1, 0.5]}, '{"a":[1,0.5],"b":"\\u003c"}'),
        # computed
        ("struct_value.n.m[0] + 1.0", {"n": {"m": [1]}}, 2),
        ("size(list_value)", [1, 2], 2),
        ("bytes(string_value)", "a", "YQ=="),
        ("string_value == 'a' ? 'yes' : 'no'", "a", "yes"),
        # a NUL stays where it is
        ("string_value", "a\0b", "a\0b"),
        ("struct_value.a", {"a": "a\0b"}, "a\0b"),
        ("parseJson(string_value)[0]", ["a\0b"], "a\0b"),
        ("parseJson(string_value)", '"a\\u0000b"', "a\0b"),
    ],
)
def test_semantics(selector: str, value: Any, expected: Any) -> None:
    answer = select(selector, value)
    assert (answer, type(answer)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("selector", "value", "reason"),
    [
        ('parseJson(string_value)["A_a"]', {"B_b": 1}, "there is no value named 'A_a'"),
        ('parseJson(string_value)["A_a"]', {"A_a": None}, "it comes to null, which is not passed on to a task"),
        ("parseJson(string_value)", "invalid", "unexpected 'i' where a value should be, at character 0"),
        ("struct_value", "a", "the value has no 'struct_value'"),
        ("list_value[2]", [1], "Index error: index=2 size=1"),
        ("parseJson(number_value)", 1, "found no matching overload for 'parseJson' applied to '(double)'"),
        ("duration('1s')", 1, "it comes to duration, which is not passed on to a task"),
        ("1.0 / 0.0", 1, "inf is no JSON number"),
        ("[b'a']", 1, "it comes to list<dyn> with a member that is no JSON value"),
        ("inputs", 1, "undeclared reference to 'inputs'"),
        ("string_value", "\ud800", "a text holds half a surrogate pair"),
        ("string_value", {"\ud800": 1}, "a text holds half a surrogate pair"),
        ("struct_value", {"a\0": 1}, "a name holds a NUL character"),
    ],
)
def test_errors_are_sentences(selector: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match="cannot be applied") as error:
        select(selector, value)
    assert str(error.value).startswith(f"the expression `{selector}` cannot be applied: {reason}")


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),  # -0.0 is read as 0
        st.integers(-(2**53), 2**53),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


def _same(left: Any, right: Any) -> bool:
    return go_json.encode(left) == go_json.encode(right)


@given(value=JSON.filter(lambda value: value is not None))
def test_a_member_comes_out_as_it_went_in(value: Any) -> None:
    assert _same(select("struct_value.member", {"member": value}), value)
    assert _same(select("list_value[1]", [None, value]), value)
    assert _same(select('parseJson(string_value)["member"]', {"member": value, "other": None}), value)
    assert _same(select("parseJson(string_value)", json.dumps(value)), value)


@given(value=JSON)
def test_lists_and_objects_as_text_are_json(value: Any) -> None:
    assert _same(json.loads(to_text([value])), [value])
    assert _same(json.loads(to_text({"a": value})), {"a": value})


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_text_is_itself_without_exponent(value: float) -> None:
    text = to_text(value)
    assert float(text) == value
    assert set(text) <= set("-.0123456789")


def test_a_list_that_the_selector_wrote_itself_is_passed_on() -> None:
    """KFP fails here (``invalid type: []ref.Val``): the library does not tell where a list comes from."""
    assert select("[1, 2]", 1) == [1, 2]
    assert select("{'a': number_value}", 1) == {"a": 1}
