"""Spans of time, for people and as KFP writes them."""

from __future__ import annotations

_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))
_ISO = ((86400, "D"), (3600, "H"), (60, "M"))


def words(seconds: float) -> str:
    """In the largest unit of which there are at least two, or seconds: ``8 days``, ``26 hours``, ``4.2 s``."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def iso(seconds: float) -> str:
    """As a duration of ISO 8601, by which limits are set: ``P7D``, ``PT12H``, ``PT1M30S``."""
    if seconds != int(seconds):
        return f"PT{seconds:g}S"
    rest, days, time = int(seconds), "", ""
    for size, unit in _ISO:
        count, rest = divmod(rest, size)
        if count and unit == "D":
            days = f"{count}D"
        elif count:
            time += f"{count}{unit}"
    if rest or not (days or time):
        time += f"{rest}S"
    return f"P{days}{'T' if time else ''}{time}"
