"""What a key must look like to enter a store (protocol.md, Tables)."""

from __future__ import annotations

import re
from collections.abc import Collection

from stepcache.errors import InputError

_matches = re.compile(r"[0-9a-f]{64}").fullmatch


def are_keys(texts: Collection[str]) -> bool:
    """Whether each of these could enter a store; a fraction of the time of a pattern for each."""
    joined = "".join(texts)
    try:
        return set(map(len, texts)) <= {64} and bytes.fromhex(joined).hex() == joined
    except ValueError:
        return False


def check_all(keys: Collection[str]) -> None:
    """``check`` each of these."""
    if not are_keys(keys):
        for key in keys:
            check(key)


def check(key: str) -> None:
    """Raise InputError unless ``key`` is a SHA-256 in lower-case hex.

    Text collations of some databases take ``abc``, ``ABC`` and ``abc `` for one: none of them gets that far.
    """
    if _matches(key) is None:
        shown = key if len(key) <= 70 else key[:67] + "..."
        raise InputError(f"{shown!r} is no cache key", remedy="a key is a SHA-256 in 64 lower-case hex digits")
