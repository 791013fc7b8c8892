from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines.explaining.nearest import Candidate, distance, flat, nearest

PARTS = st.dictionaries(
    st.sampled_from(["env", "executor"]), st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))
)


@given(PARTS, PARTS, PARTS)
def test_it_is_a_distance(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    a, b, c = flat(one), flat(two), flat(three)
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)


@given(st.lists(PARTS, max_size=6), PARTS)
def test_nothing_is_nearer_and_nothing_as_near_is_more_recent(
    several: list[dict[str, Any]], own: dict[str, Any]
) -> None:
    candidates = [Candidate(number, f"key {number}", flat(parts)) for number, parts in enumerate(several)]
    found = nearest("own", flat(own), candidates)
    if found is None:
        assert not candidates
        return
    for other in candidates:
        ours, theirs = distance(flat(own), found.parts), distance(flat(own), other.parts)
        assert ours < theirs or (ours == theirs and found.number <= other.number)


def test_the_key_itself_is_no_candidate() -> None:
    same = flat({"env": {"a": 1}})
    other = Candidate(1, "other", flat({"env": {"a": 2}}))
    assert nearest("own", same, [Candidate(0, "own", same), other]) is other
    assert nearest("own", same, [Candidate(0, "own", same)]) is None


def test_numbers_are_compared_as_keys_compare_them_and_masks_do_not_count() -> None:
    assert distance(flat({"env": {"a": 1}}), flat({"env": {"a": 1.0}})) == 0
    assert distance(flat({"env": {"a": 1}}), flat({"env": {"a": True}})) == 1
    assert distance(flat({"masked_by": "one"}), flat({"masked_by": "two"})) == 0
