"""What entries that rest on others ask of a store: one statement for many keys, where a store has it.

``Store`` can tell and do the same, one key at a time or at more cost; a store without these methods is asked so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from stepcache.stores.contract import Store

USED_WITHIN = 3600.0
"""Seconds within which an entry that others rest on counts as used when these are, so that it is seldom written."""


@runtime_checkable
class StandingEntries(Protocol):
    """May raise what methods of ``Store`` may."""

    async def stand(self, entries: Mapping[str, str]) -> bool:
        """Whether the entry of each of these keys is there, with this ``published_by``, in one read."""

    async def touch(self, key: str, others: Collection[str]) -> None:
        """Mark the entries of ``others``, on which that of ``key`` rests, as used now, unless the latter was used
        within ``USED_WITHIN``; hit counts stay. To be asked before a hit of ``key`` is counted.
        """


async def stand(store: Store, entries: Mapping[str, str]) -> bool:
    """Whether the entry of each of these keys is there, with this ``published_by``."""
    if isinstance(store, StandingEntries):
        return await store.stand(entries)
    states = await store.watch(entries.keys())
    return all(states[key].published_by == published_by for key, published_by in entries.items())


async def touch(store: Store, key: str, others: Collection[str]) -> None:
    """Mark the entries that the one of ``key`` rests on as used; see ``StandingEntries``."""
    if isinstance(store, StandingEntries):
        await store.touch(key, others)
    else:
        await store.count_hits(dict.fromkeys(others, 0))
