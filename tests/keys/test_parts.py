import enum
from collections import OrderedDict
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.parts import key

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(SCALARS, inner, max_size=3)
    ),
    max_leaves=8,
)


def _typed(value: Any) -> Any:
    """The value with its types spelled out, so that ``==`` compares both."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [_typed(item) for item in value]
    if isinstance(value, dict):
        return "dict", sorted((repr(_typed(name)), _typed(item)) for name, item in value.items())
    return type(value).__name__, repr(value)


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_keys_are_equal_exactly_if_parts_are(one: list[Any], other: list[Any]) -> None:
    assert (key(*one) == key(*other)) == (_typed(one) == _typed(other))


def test_different_parts_have_different_keys() -> None:
    different: list[tuple[Any, ...]] = [
        *((), ("",), (None,), ([],), ((),), ({},), (b"",), (0,), (0.0,), (-0.0,), (False,)),
        *((1,), (1.0,), (True,), ("1",), (b"1",), (-1,), (256,), (2**64,), (inf,), (-inf,)),
        *(("ab", "c"), ("a", "bc"), ("abc",), (("a", "bc"),), (["a", "bc"],), ([["a"], "b"],), ([["a", "b"]],)),
        *(("a",), (b"a",), ({"a": 1},), ({b"a": 1},), ([("a", 1)],), ({"a": {"b": 1}},), ({"a": 1, "b": 1},)),
        *(("\ud800",), ("\ufffd",), ("\ud83d\ude00",), ("\N{GRINNING FACE}",), ({1: 1},), ({1: True},)),
    ]
    assert len({key(*parts) for parts in different}) == len(different)


def test_the_order_of_a_dict_does_not_count() -> None:
    assert key({"a": 1, "b": [2]}) == key({"b": [2], "a": 1})


def test_a_key_is_pinned() -> None:
    """A change of this key invalidates every cache made by the Python API."""
    assert key("squares", 10, {"a": [1, 2.5, None, True, b"x"]}) == (
        "46a87c0bedb5d32e594791f81a0ce38fc0ca2b2e502d4b988512966718d3cf1b"
    )


class _Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize("part", [Path("x"), {1}, object(), bytearray(b"x"), _Colour.RED, OrderedDict(), 1j, key])
def test_other_types_are_refused_by_name(part: Any) -> None:
    with pytest.raises(TypeError, match=type(part).__name__):
        key("a", [part])


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        key(nan)


def test_a_part_that_contains_itself_is_refused() -> None:
    part: list[Any] = []
    part.append(part)
    with pytest.raises(ValueError, match="contains itself"):
        key(part)


def test_it_is_the_packages_key() -> None:
    import stepcache

    assert stepcache.key is key
