from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.cache.staleness import Duration, combined, seconds, whole_seconds
from stepcache.errors import InputError
from stepcache.stores.entry import UNLIMITED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # github.com/peterhellberg/duration, duration_test.go
        ("PT1.5M", 90),
        ("PT0.5H", 1800),
        ("PT0.5H29M60S", 3600),
        ("PT1004199059S", 1004199059),
        ("P1DT2S", 86402),
        ("P3DT5H20M30.123S", 278430.123),
        ("P1W", 604800),
        ("P0.123W", 74390.4),
        ("P1WT5S", 604805),
        ("P2YT1H30M5S", 63119237),
        ("P1Y2M3DT5H20M30.123S", 37094832.1218),
        # kfp.md, 1.3
        ("P30D", 2592000),
        ("PT1H", 3600),
        ("P0D", 0),
        ("P7D", 604800),
    ],
)
def test_durations_mean_what_they_mean_to_kfp(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "P1M2Y", "P-1Y", "P1YT-1M", "P1S", "1Y", "P1YM5D", "FOOBAR", "", "P", "PT", "P1Y2M3DT", "P1H", "T1H", "p1d",
        "P1.2.3D", "P.D", "P1,5D", " P1D", "P1D ", "P1D\n", "+P1D", "P٣D", "P9999999Y", "nan", "1e3", "1d",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as refused:
        seconds(text)
    assert text in str(refused.value)
    assert "P30D" in refused.value.remedy


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, [], object()])
def test_what_is_no_duration_at_all_is_refused(value: Duration) -> None:
    with pytest.raises(InputError):
        seconds(value)


@pytest.mark.parametrize("value", [None, -1, -1.0, "-1", -7, "-P1D", "-PT1M5S", timedelta(seconds=-1)])
def test_nothing_and_negative_mean_no_limit(value: Duration | None) -> None:
    assert seconds(value) == UNLIMITED


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), ("0", 0), (1.5, 1.5), ("90", 90), (timedelta(days=7), 604800)]
)
def test_numbers_and_timedeltas(value: Duration, expected: float) -> None:
    assert seconds(value) == expected


def test_an_entry_keeps_whole_seconds_as_kfp_does() -> None:
    assert whole_seconds("PT1.9S") == 1
    assert whole_seconds(None) == UNLIMITED


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_parts_add_up(weeks: int, days: int, hours: int, minutes: int, rest: int) -> None:
    total = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=rest).total_seconds()
    assert seconds(f"P{weeks}W{days}DT{hours}H{minutes}M{rest}S") == total


@pytest.mark.parametrize(
    ("user", "default", "maximum", "expected"),
    [
        (None, -1, -1, -1),  # nobody limits
        (None, 60, -1, 60),  # the default is for users who give none
        (30, 60, -1, 30),
        (90, 60, -1, 90),
        (-1, 60, -1, -1),  # who asks for no limit gets none
        (90, -1, 60, 60),  # the maximum holds for everyone
        (30, -1, 60, 30),
        (0, 60, 90, 0),
        (-1, -1, 60, 60),  # KFP deletes what is older than the maximum before each look-up
        (None, -1, 60, 60),
        (None, 90, 60, 60),
        (90, 90, 0, 0),
    ],
)
def test_limits_are_combined_as_kfp_does(
    user: float | None, default: float, maximum: float, expected: float
) -> None:
    assert combined(user, default=default, maximum=maximum) == expected
