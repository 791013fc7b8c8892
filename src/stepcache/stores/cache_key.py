"""What a key must look like to enter a store (protocol.md, Tables)."""

from __future__ import annotations

import re

from stepcache.errors import InputError

_matches = re.compile(r"[0-9a-f]{64}").fullmatch


def check(key: str) -> None:
    """Raise InputError unless ``key`` is a SHA-256 in lower-case hex.

    Text collations of some databases take ``abc``, ``ABC`` and ``abc `` for one: none of them gets that far.
    """
    if _matches(key) is None:
        shown = key if len(key) <= 70 else key[:67] + "..."
        raise InputError(f"{shown!r} is no cache key", remedy="a key is a SHA-256 in 64 lower-case hex digits")
