"""Sizes, durations and moments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.cli import amounts
from stepcache.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"), [("10", 10), ("500KB", 500_000), ("10 mb", 10_000_000), ("1.5GiB", 3 << 29), ("0", 0)]
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert amounts.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "ten", "10 apples", "MB", "-5", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a size"):
        amounts.parse_size(text)


@given(st.integers(0, 10**15))
def test_a_size_that_was_written_is_read_back(size: int) -> None:
    assert amounts.parse_size(amounts.size(size)) == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (3599.7, "1 h 0 min"),
        (3725, "1 h 2 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_duration_is_told_in_the_units_that_tell_most(seconds: float, text: str) -> None:
    assert amounts.duration(seconds) == text


def test_a_moment_that_has_not_come_is_none() -> None:
    assert (amounts.moment(0), amounts.timestamp(0)) == ("-", None)
    assert amounts.timestamp(1.5) == "1970-01-01T00:00:01.500+00:00"
