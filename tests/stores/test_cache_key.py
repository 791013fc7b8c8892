from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepcache.errors import InputError
from stepcache.stores.cache_key import are_keys, check, check_all

KEY = "0123456789abcdef" * 4
ALMOST = st.builds(
    lambda position, piece: KEY[:position] + piece + KEY[position + 1 :],
    st.integers(0, 63),
    st.sampled_from(["0", "A", " ", "\n", "g", "", "00", "é", "\u0663"]),
)


@given(st.lists(st.one_of(st.just(KEY), ALMOST, st.text(max_size=70)), max_size=4))
@example([KEY[:63], KEY + KEY[0]])
@example([KEY + "\n" + KEY])
@example([" " * 64])
@example([])
def test_many_keys_are_checked_as_one_is(texts: list[str]) -> None:
    good = [re.fullmatch("[0-9a-f]{64}", text) is not None for text in texts]
    assert are_keys(texts) is all(good)
    if all(good):
        check_all(texts)
    else:
        with pytest.raises(InputError) as together:
            check_all(texts)
        with pytest.raises(InputError) as alone:
            check(texts[good.index(False)])
        assert str(together.value) == str(alone.value)
