"""Texts of several lines, compared line by line."""

from __future__ import annotations

from difflib import unified_diff


def lines(old: str, new: str) -> tuple[str, ...]:
    """What ``diff -u`` would say, without the names of files; not empty for different texts."""
    found = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    told = tuple(found)[2:]
    return told or ("-(other line ends)", "+(other line ends)")
