from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepcache.keys.json_reader import Dialect, GoJSONError, read, read_iteratively

PIECES = st.sampled_from(
    [
        *'{}[],:"\\-+.eE01',
        " ",
        "\n",
        '"a"',
        '"a":',
        "12",
        "-0.5e3",
        "true",
        "false",
        "null",
        '"\\u00e9"',
        "NaN",
        "é",
    ]
)
PLAIN = Dialect(number=str, members=tuple)


def _answer(reader: Any, text: str) -> Any:
    try:
        return reader(text, PLAIN)
    except GoJSONError:
        return GoJSONError


@given(st.lists(PIECES, max_size=12).map("".join))
@example('{"a":1,"a":[{}, [] ,null]}')
@example("-Infinity")
def test_both_readers_answer_the_same(text: str) -> None:
    assert _answer(read, text) == _answer(read_iteratively, text)


@given(
    st.recursive(
        st.sampled_from(["1", "-0", '"x"', "null", '"]"']),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
            | st.lists(inner, max_size=3).map(lambda items: "{" + ",".join(f'"n": {item}' for item in items) + "}")
        ),
    )
)
def test_both_readers_answer_the_same_for_valid_documents(text: str) -> None:
    answer = read(text, PLAIN)
    assert answer == read_iteratively(text, PLAIN)


def test_a_deep_document_is_read_in_full() -> None:
    text = "[" * 5_000 + "7" + "]" * 5_000
    value = read(text, PLAIN)
    for _ in range(5_000):
        (value,) = value
    assert value == "7"


def test_brackets_in_strings_are_not_nesting() -> None:
    text = '["' + "[{" * 20_000 + '"]'
    assert read(text, PLAIN) == ["[{" * 20_000]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the document is empty"),
        (" \n", "the document is empty"),
        ('{"a":', "the document ends where a value should be"),
        ("[1;2]", "unexpected ';' where ',' or ']' should be, at character 2"),
        ("{} x", "unexpected 'x' after the document, at character 3"),
        ("{1:2}", "unexpected '1' where a member's name should be, at character 1"),
        ('{"a" 1}', "unexpected '1' instead of ':', at character 5"),
        ('"a', "unterminated string starting at, at character 0"),
        ("NaN", "NaN is not JSON"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(GoJSONError) as refused:
        read(text, PLAIN)
    assert str(refused.value) == message
