"""Signals by name."""

from __future__ import annotations

import signal


def name(number: int) -> str:
    """The name of a signal; one that has none, as most real-time signals, by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
