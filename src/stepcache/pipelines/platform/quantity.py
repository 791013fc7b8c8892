"""Quantities of Kubernetes, such as ``500m`` and ``1.5Gi``, in the form in which it prints them.

Rules: ``ParseQuantity`` and ``CanonicalizeBytes`` in ``pkg/api/resource/quantity.go`` of kubernetes/apimachinery.
``tests/data/vectors/quantities.json`` holds what that package answers.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

_FORM = re.compile(
    r"(?P<sign>[+-]?)0*(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?P<suffix>[eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_NAMES = {exponent: name for name, exponent in _DECIMAL.items()}
_BINARY_NAMES = {exponent: name for name, exponent in _BINARY.items()}
_EXPONENT = re.compile(r"[eE][-+]?[0-9]+", re.ASCII)
_DIGITS = 18
"""Of numbers that Kubernetes handles as an int64; it keeps the text of one that is in order already."""
_FINEST = -9
_LONGEST = 64  # no quantity of anything needs more, and an exponent must not take the machine's memory
_LARGEST_EXPONENT = 999
_LARGEST_BINARY = 2**63 - 1


def canonical(text: str) -> str:
    """The quantity ``text`` as Kubernetes prints it. Raises ValueError, with a sentence for people, for none."""
    match = _FORM.fullmatch(text)
    if not text or len(text) > _LONGEST or match is None:
        raise ValueError(f"'{text[:_LONGEST]}' is no quantity, such as 500m, 2 or 1.5Gi")
    whole, part, suffix = match["whole"], match["part"] or "", match["suffix"]
    if _is_zero(text, match):
        return "0"
    if suffix in _BINARY:
        return _binary(text, match["sign"], whole or "0", part, _BINARY[suffix])
    has_exponent = _EXPONENT.fullmatch(suffix) is not None
    if suffix not in _DECIMAL and not has_exponent:
        raise ValueError(f"'{text}' is no quantity: '{suffix}' is not one of the units of Kubernetes")
    exponent = int(suffix[1:]) if has_exponent else _DECIMAL[suffix]
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"'{text}' is no quantity that anything has")
    digits, scale = (whole or "0") + part, exponent - len(part)
    is_quick = len(digits) <= _DIGITS and scale >= _FINEST
    if is_quick and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0":
        return text
    value = _signed(match["sign"], digits) * Fraction(10) ** scale
    return _decimal(value, names_exponents=has_exponent)


def _is_zero(text: str, match: re.Match[str]) -> bool:
    """Whether it is 0; of a number with a unit, that the unit is one is looked at first."""
    if any(digit in "123456789" for digit in match["whole"] + (match["part"] or "")):
        return False
    suffix = match["suffix"]
    if suffix in _DECIMAL or suffix in _BINARY or _EXPONENT.fullmatch(suffix):
        return True
    raise ValueError(f"'{text}' is no quantity: '{suffix}' is not one of the units of Kubernetes")


def _binary(text: str, sign: str, whole: str, part: str, exponent: int) -> str:
    is_quick = not part and 15 - len(whole) - exponent * 3 // 10 - 1 >= 0
    if is_quick and int(whole) % 8:
        return text
    number = Fraction(int(whole + part) * 2**exponent, 10 ** len(part))
    value = _rounded(number)
    if not is_quick:
        value = min(value, Fraction(_LARGEST_BINARY))
    if sign == "-":
        value = -value
    if abs(value) < 1024 or value.denominator != 1:
        return _decimal(value, names_exponents=False)
    amount, power = value.numerator, 0
    while amount % 1024 == 0:
        amount //= 1024
        power += 10
    return f"{amount}{_BINARY_NAMES.get(power, '')}"


def _decimal(value: Fraction, *, names_exponents: bool) -> str:
    rounded = _rounded(abs(value))
    amount, power = (rounded * 10**-_FINEST).numerator, _FINEST
    while amount % 10 == 0:
        amount //= 10
        power += 1
    while power % 3:
        amount *= 10
        power -= 1
    minus = "-" if value < 0 else ""
    if names_exponents:
        return f"{minus}{amount}" + (f"e{power}" if power else "")
    return f"{minus}{amount}{_DECIMAL_NAMES.get(power, '')}"


def _rounded(value: Fraction) -> Fraction:
    """Rounded up to the finest that there is: who asks for a little gets a little."""
    return Fraction(ceil(value * 10**-_FINEST), 10**-_FINEST)


def _signed(sign: str, digits: str) -> int:
    return -int(digits) if sign == "-" else int(digits)
