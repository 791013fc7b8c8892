"""What ``once`` answers."""

from __future__ import annotations

from typing import Generic, TypeVar

from stepcache.light_dataclasses import dataclass
from stepcache.stores.entry import Entry

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Result(Generic[T_co]):
    """A value and where it came from."""

    value: T_co
    """The value: bytes as bytes, a JSON value as itself, a path as the read-only path in the artifact store."""
    reused: bool
    """Whether it was produced by an earlier or another call."""
    entry: Entry
    """The entry that holds it."""
