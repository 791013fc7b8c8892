"""Looking through entries."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from stepcache.light_dataclasses import dataclass


class Order(StrEnum):
    """Which entries come first; of equal ones, those that were inserted last."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    HITS = "hits"
    """The most often reused."""
    UNUSED = "unused"
    """The least recently used."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries; those that fit everything that is given."""

    prefix: str = ""
    """How the key begins: lower-case hex digits."""
    component: str | None = None
    """In full, or without the ``comp-`` that KFP's SDK puts before a name."""
    pipeline: str | None = None
    namespace: str | None = None
    older_than: float | None = None
    """Seconds of age."""
    larger_than: int | None = None
    """Bytes."""


@dataclass(frozen=True, slots=True)
class EntrySummary:
    """An entry without its texts. What another program wrote has empty names. Moments are seconds since the epoch,
    by the database's clock.
    """

    key: str
    id: int
    max_staleness: int
    started_at: float
    age: float
    """Seconds from ``started_at`` to the moment of reading."""
    published_by: str
    namespace: str
    pipeline: str
    component: str
    task: str
    run_id: str
    duration: float
    hits: int
    used_at: float
    """When it was last reused, or else stored."""
    size: int
    """Bytes of all its artifacts; those that other entries have too are counted with each."""


@dataclass(frozen=True, slots=True)
class EntryDetails:
    """An entry with all that is stored with it."""

    summary: EntrySummary
    template: str
    output: str
    parts: str


class EntryBrowsing(Protocol):
    """What every store promises to those who look through entries. May raise what methods of ``Store`` may."""

    async def find_entries(
        self, wanted: EntryFilter, *, order: Order = Order.NEWEST, limit: int | None = None
    ) -> Sequence[EntrySummary]:
        """Entries that fit; all of them without a ``limit``."""

    async def entry_details(self, key: str) -> EntryDetails | None:
        """All that is stored with the entry of ``key``, of one moment; None if there is no entry."""

    async def entries_of_template(self, prefix: str, *, after: int = 0, limit: int = 100) -> Sequence[EntryDetails]:
        """Entries whose template begins with ``prefix`` and whose ``id`` is above ``after``, in the order of
        ``id``: a page of them. Looks at every entry.
        """
