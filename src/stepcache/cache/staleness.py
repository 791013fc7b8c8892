"""How old a result may be: what users write, in seconds.

Durations have the grammar and the meaning that KFP gives them, that of github.com/peterhellberg/duration, which
``backend/src/cache/server/mutation.go`` calls: ``P``, then years, months, weeks and days, then ``T`` with hours,
minutes and seconds, in this order, each a decimal number; a year is 8765.81 hours and a month 730.4841667.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

from stepcache.errors import InputError
from stepcache.stores.entry import UNLIMITED

Duration = str | float | timedelta

_UNITS = {  # in which unit KFP counts, how many of them, and how many seconds that unit has
    "years": (8765.81, 3600),
    "months": (730.4841667, 3600),
    "weeks": (168, 3600),
    "days": (24, 3600),
    "hours": (1, 3600),
    "minutes": (1, 60),
    "seconds": (1, 1),
}
_LONGEST = 2**63 / 1e9  # seconds; KFP counts nanoseconds in 64 bits
_NUMBER = r"[0-9.]+"
_PATTERN = re.compile(
    rf"-?P(?:(?P<years>{_NUMBER})Y)?(?:(?P<months>{_NUMBER})M)?(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?"
    rf"(?:T(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?)?"
)


def seconds(value: Duration | None) -> float:
    """The limit in seconds; -1 for no limit: None, and whatever is negative.

    Takes an ISO 8601 duration (``P30D``, ``PT1H``, ``P0D``), a number of seconds (also as text) or a timedelta.
    Raises InputError for anything else.
    """
    if value is None:
        return UNLIMITED
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        result = _from_text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        result = float(value)
    else:
        raise _refused(value)
    return UNLIMITED if result < 0 else result


def whole_seconds(value: Duration | None) -> int:
    """``seconds`` cut to whole seconds as KFP does, for what an entry keeps."""
    return int(seconds(value))


def combined(user: float | None, *, default: float = UNLIMITED, maximum: float = UNLIMITED) -> float:
    """The limit that counts, from the user's, the default for users who give none, and the administrator's maximum;
    negative for no limit.

    The effect is KFP's (``mutation.go``), where an unlimited user stays unlimited but rows older than the maximum
    are deleted before every look-up: nothing older than the maximum is ever reused. Nothing is deleted here.
    """
    limit = default if user is None else user
    if maximum < 0:
        return UNLIMITED if limit < 0 else limit
    return maximum if limit < 0 else min(limit, maximum)


def _from_text(text: str) -> float:
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    match = _PATTERN.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise _refused(text)
    try:
        total = sum(_part(unit, float(number)) for unit, number in match.groupdict().items() if number)
    except ValueError as error:  # "1.2.3" or "."
        raise _refused(text) from error
    if total >= _LONGEST:
        raise _refused(text)
    return -total if text.startswith("-") else total


def _part(unit: str, number: float) -> float:
    each, length = _UNITS[unit]
    return round(number * each, 6) * length  # Go prints six decimals, and parses them again


def _refused(value: object) -> InputError:
    return InputError(
        f"'{value}' is not a duration",
        remedy="write an ISO 8601 duration such as P30D or PT1H, a number of seconds, or -1 for no limit",
    )
