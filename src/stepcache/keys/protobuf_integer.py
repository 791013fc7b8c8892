"""Integers of protobuf JSON, which may be written with a fraction or an exponent.

Source: ``normalizeToIntString`` in protobuf-go, internal/encoding/json/decode_number.go.
"""

from __future__ import annotations

import re

_PARTS = re.compile(r"(-?)(?:0|([1-9][0-9]*))(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]*))?")
_MAXIMUM_DIGITS = 20
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)


def parse_int64(text: str) -> int | None:
    """The integer that Go reads; None where it reads none. ``text`` is a number, its exponent perhaps empty."""
    parts = _PARTS.fullmatch(text)
    if parts is None or text.endswith(("+", "-")):
        return None
    sign, whole, fraction = parts[1], parts[2] or "", (parts[3] or "").rstrip("0")
    if not whole and not fraction:
        return 0
    exponent = _exponent(parts[4] or "0")
    if exponent is None:
        return None
    digits = _raised(whole, fraction, exponent) if exponent >= 0 else _lowered(whole, fraction, exponent)
    if digits is None or len(digits) > _MAXIMUM_DIGITS:
        return None
    number = int(sign + digits)
    return number if number in _INT64 else None


def _exponent(text: str) -> int | None:
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > len("2147483648"):
        return None
    number = int(digits) * (-1 if text.startswith("-") else 1)
    return number if number in _INT32 else None


def _raised(whole: str, fraction: str, exponent: int) -> str | None:
    """The digits with the point moved right; Go gives up early, by the number of digits alone."""
    if len(fraction) > exponent or len(whole) + exponent > _MAXIMUM_DIGITS:
        return None
    return f"{whole}{fraction}{'0' * (exponent - len(fraction))}"


def _lowered(whole: str, fraction: str, exponent: int) -> str | None:
    """The digits with the point moved left, past zeros only."""
    index = len(whole) + exponent
    if fraction or index < 0 or whole[index:].strip("0"):
        return None
    return whole[:index]
