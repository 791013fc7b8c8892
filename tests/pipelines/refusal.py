"""For tests that take either outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

E = TypeVar("E", bound=Exception)


def refusal(error: type[E], call: Callable[[], object]) -> E | None:
    """The error of this type that ``call`` raised, None when it raised none; any other is the test's failure."""
    try:
        call()
    except error as raised:
        return raised
    return None
