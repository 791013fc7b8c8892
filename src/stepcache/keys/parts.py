"""``stepcache.key``: a key made of plain Python values, for the Python API."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

_SCHEME = b"stepcache.key 1\0"


def key(*parts: Any) -> str:
    """A key made of ``parts``: 64 lower-case hex digits, the same in every process and Python version.

    Parts are None, booleans, integers, floats, strings, bytes, and lists, tuples and dicts of these. Types count:
    ``1``, ``1.0``, ``True`` and ``"1"`` are four different parts, and so are ``"a"`` and ``b"a"``, ``[1]`` and
    ``(1,)``, ``0.0`` and ``-0.0``. Borders count: ``("ab", "c")`` is not ``("a", "bc")``. The order of a dict does
    not count. Raises TypeError for any other type (a path: give its text, or what the file holds), subclasses
    included, and ValueError for NaN, which equals nothing, and for a value that contains itself.
    """
    try:
        image = _many(b"(", [_image(part) for part in parts])
    except RecursionError:
        raise ValueError("a part of a key is nested too deeply, or contains itself") from None
    return hashlib.sha256(_SCHEME + image).hexdigest()


def _image(value: Any) -> bytes:
    """Typed and prefix-free: no value's image is the beginning of another's."""
    kind = type(value)
    if kind is str:
        return _sized(b"s", value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return _sized(b"b", value)
    if value is None or kind is bool:
        return {None: b"n", True: b"t", False: b"f"}[value]
    if kind is int:
        return _sized(b"i", value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if kind is float:
        return _double(value)
    if kind is list or kind is tuple:
        return _many(b"[" if kind is list else b"(", [_image(item) for item in value])
    if kind is dict:
        return _many(b"{", sorted(_image(name) + _image(item) for name, item in value.items()))
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} cannot be part of a key: give None, a boolean, a number, a string, "
        "bytes, or a list, tuple or dict of these"
    )


def _sized(tag: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(content), content)


def _many(tag: bytes, images: list[bytes]) -> bytes:
    return b"%b%d:%b" % (tag, len(images), b"".join(images))


def _double(value: float) -> bytes:
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        raise ValueError("NaN cannot be part of a key: it does not equal itself")
    return b"d" + struct.pack(">d", value)
