import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.json_writer import write, write_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=15,
)


@given(VALUES)
def test_the_text_is_the_value(value: Any) -> None:
    assert json.loads(write(value, str)) == value


@given(VALUES)
def test_the_text_is_that_of_the_standard_library(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert write(value, str) == write_text(value) == expected


def test_depth_has_no_limit() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert write(value, str) == "[" * 100_000 + "1" + "]" * 100_000
    while isinstance(value, list):  # taken apart here: comparing or printing it would recurse
        value = value[0]


@pytest.mark.parametrize("value", [{1: 2}, {"a": {None: 1}}, {("a",): 1}, {1: 2, "a": 3}])
def test_keys_are_text(value: Any) -> None:
    with pytest.raises(TypeError):
        write(value, str)
