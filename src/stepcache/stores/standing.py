"""What entries that rest on others ask of a store: one statement for many keys, where a store has it.

``Store`` can tell and do the same, one key at a time or at more cost; a store without these methods is asked so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final, Protocol, runtime_checkable

from stepcache.stores.contract import Store

USED_WITHIN = 3600.0
"""Seconds within which an entry that others rest on counts as used when these are, so that it is seldom written."""
RESTING_TEMPLATE: Final = '{"dag": '
"""How the template of an entry begins that rests on others: collection has to take it before these."""


class Standing(Enum):
    """What became of entries that another rests on."""

    FALLEN = "fallen"
    """Not each of them is there as it was."""
    UNUSED = "unused"
    """Each is, and may not have been used within ``USED_WITHIN``: ``touch`` them if they are used now."""
    USED = "used"
    """Each is, and was used within ``USED_WITHIN``."""


@runtime_checkable
class StandingEntries(Protocol):
    """May raise what methods of ``Store`` may."""

    async def stand(self, entries: Mapping[str, str]) -> Standing:
        """Whether the entry of each of these keys is there, with this ``published_by``, in one read."""

    async def touch(self, keys: Collection[str]) -> None:
        """Mark the entries of ``keys``, on which another rests that is in use, as used now, unless each of them was
        used within ``USED_WITHIN``; hit counts stay.
        """


async def stand(store: Store, entries: Mapping[str, str]) -> Standing:
    """Whether the entry of each of these keys is there, with this ``published_by``."""
    if isinstance(store, StandingEntries):
        return await store.stand(entries)
    states = await store.watch(entries.keys())
    all_there = all(states[key].published_by == published_by for key, published_by in entries.items())
    return Standing.UNUSED if all_there else Standing.FALLEN


async def touch(store: Store, keys: Collection[str]) -> None:
    """Mark the entries that another one rests on as used; see ``StandingEntries``."""
    if isinstance(store, StandingEntries):
        await store.touch(keys)
    else:
        await store.count_hits(dict.fromkeys(keys, 0))
