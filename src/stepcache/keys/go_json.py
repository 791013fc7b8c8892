"""What Go's ``encoding/json`` makes of a document, byte for byte (design notes of KFP's keys; Go 1.26).

KFP's keys are hashes of what Go prints after decoding a document into ``any``: a key can be reproduced only by
decoding and printing exactly as Go does.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from stepcache.keys.json_reader import Dialect, GoJSONError, read
from stepcache.keys.json_writer import write

__all__ = ["GoJSONError", "decode", "encode", "escape", "format_number", "parse_number"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half a pair alone
    r"|.)",  # any other escape, so that an escaped backslash hides what follows it
    re.DOTALL,
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
_MAXIMUM_DIGITS = 800
_LONG = re.compile(r"-?[0-9]{801}")
_EXPONENT = re.compile(r"([eE][-+]?)0*([0-9]*)")


def decode(text: bytes | str) -> Any:
    """The value that ``json.Unmarshal`` makes of ``text`` in an ``any``.

    Objects are dicts, arrays lists, all numbers floats. The last of duplicate members wins. Each byte of invalid
    UTF-8, and each lone surrogate, becomes U+FFFD. Raises GoJSONError where Go returns an error: bad syntax, a
    number beyond float64, more than 10,000 nested containers, a byte order mark, text behind the document.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")  # one surrogate for each bad byte
    text = _without_surrogates(text)
    if _HALF.search(text):
        text = _ESCAPE.sub(_whole, text)
    return read(text, _GO)


def encode(value: Any) -> bytes:
    """The bytes that ``json.Marshal`` makes of what ``decode`` returns. Numbers are written as float64.

    Raises GoJSONError for NaN, infinity and integers beyond float64, TypeError for other types.
    """
    return escape(_without_surrogates(write(value, format_number))).encode()


def escape(text: str) -> str:
    """JSON text with the characters escaped that Go escapes for HTML and JavaScript; they occur in strings only."""
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text


def format_number(number: Any) -> str:
    """A float64 as Go prints it: shortest digits, plain from 1e-6 up to 1e21 (``floatEncoder`` in encode.go)."""
    if not isinstance(number, float | int):
        raise TypeError(f"{type(number).__name__} is no JSON value")
    try:
        double = float(number)
    except OverflowError:
        raise GoJSONError("an integer beyond the range of float64") from None
    if not isfinite(double):
        raise GoJSONError(f"{double} is no JSON number")
    shortest = repr(double)
    mantissa, exponential, exponent = shortest.partition("e")
    if not exponential:
        return shortest.removesuffix(".0")
    power = int(exponent)
    if not -7 < power < 21:
        return f"{mantissa}e{power:+d}"
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-").replace(".", "")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    return f"{sign}{digits.ljust(power + 1, '0')}"


def parse_number(text: str) -> float:
    """The float64 that Go's ``strconv.ParseFloat`` makes of a JSON number.

    Raises GoJSONError for what is beyond float64 or no number; and for a finite number with more than 800 digits
    before its point, which Go reads wrongly (it loses digits above 800): that answer is not reproduced.
    """
    if len(text) > _MAXIMUM_DIGITS:
        text = _EXPONENT.sub(_as_go_reads_it, text)
    try:
        double = float(text)
    except ValueError:
        raise GoJSONError(f"{text[:40]} is no number") from None
    if not isfinite(double):
        raise GoJSONError(f"the number {text[:40]} is beyond the range of float64")
    if len(text) > _MAXIMUM_DIGITS and _LONG.match(text):
        raise GoJSONError(f"a number of more than {_MAXIMUM_DIGITS} digits before its point, which Go misreads")
    return double


def _as_go_reads_it(match: re.Match[str]) -> str:
    """Go stops adding digits to an exponent once it has reached 10,000."""
    return f"{match[1]}{match[2][:5] or '0'}"


def _without_surrogates(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub(_REPLACEMENT, text)


def _whole(match: re.Match[str]) -> str:
    return "\\ufffd" if match[1] else match[0]


_GO = Dialect(number=parse_number, members=dict)
