"""Sizes as people write and read them."""

from __future__ import annotations

import re

from stepcache.errors import InputError

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_FACTORS = {unit.lower(): 1000**power for power, unit in enumerate(_UNITS)} | {
    f"{unit[0].lower()}ib": 1024**power for power, unit in enumerate(_UNITS) if power
}
_matches = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([a-z]*)").fullmatch


def parse(text: str) -> int:
    """The bytes of ``10GB``, ``1.5 TiB`` or ``4096``. Raises InputError for anything else."""
    match = _matches(text.strip().lower())
    factor = None if match is None else _FACTORS.get(match[2] or "b")
    if match is None or factor is None:
        raise InputError(
            f"'{text}' is not a size",
            remedy="write a number of bytes, or one with a unit, such as 500MB, 10GB or 1.5TiB",
        )
    return int(float(match[1]) * factor)


def shown(size: float) -> str:
    """Three digits and a unit: ``1.23 GB``."""
    power = 0
    while size >= 999.5 and power < len(_UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.0f} B" if not power else f"{size:.3g} {_UNITS[power]}"
