"""What a key must look like to enter a store (protocol.md, Tables)."""

from __future__ import annotations

import re
from collections.abc import Collection

from stepcache.errors import InputError

_matches = re.compile(r"[0-9a-f]{64}").fullmatch


_match = re.compile(r"(?:[0-9a-f]{64}\n)*").fullmatch


def check_all(keys: Collection[str]) -> None:
    """``check`` each of these."""
    lines = "".join([f"{key}\n" for key in keys])
    # The length tells a key with a line break in it from two keys.
    if _match(lines) is None or len(lines) != 65 * len(keys):
        for key in keys:
            check(key)


def check(key: str) -> None:
    """Raise InputError unless ``key`` is a SHA-256 in lower-case hex.

    Text collations of some databases take ``abc``, ``ABC`` and ``abc `` for one: none of them gets that far.
    """
    if _matches(key) is None:
        shown = key if len(key) <= 70 else key[:67] + "..."
        raise InputError(f"{shown!r} is no cache key", remedy="a key is a SHA-256 in 64 lower-case hex digits")
