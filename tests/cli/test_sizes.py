"""Sizes as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.cli import sizes
from stepcache.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("10GB", 10**10),
        ("10 gb", 10**10),
        ("1.5TiB", 3 * 2**39),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("2PB", 2 * 10**15),
        ("7B", 7),
    ],
)
def test_what_is_read(text: str, size: int) -> None:
    assert sizes.parse(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1e9", "10 gigabytes", "1.2.3", "10G B", "nan", "1 BiB"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a size"):
        sizes.parse(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1234, "1.23 kB"), (999_600, "1 MB"), (12_345_678, "12.3 MB")],
)
def test_what_is_shown(size: int, text: str) -> None:
    assert sizes.shown(size) == text


@given(st.integers(0, 10**17))
def test_what_is_shown_can_be_read_and_is_about_right(size: int) -> None:
    text = sizes.shown(size)
    assert abs(sizes.parse(text) - size) <= size * 0.006
    assert len(text) <= 8
