"""Stores that break the contract as programs do that were not built for many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from stepcache.stores.claim import Busy, Claim, Granted, Hit, Lost, Published, Put
from stepcache.stores.contract import Store
from stepcache.stores.entry import Entry, Record, is_fresh


class Mutant:
    """The store behind it, but for what a mutant does otherwise."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class WithoutFence(Mutant):
    """Who has executed stores, whoever has the claim by then."""

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        answer = await self._store.publish(claim, record)
        if isinstance(answer, Lost):
            taken = await _seize(self._store, claim.key, claim.claim_id, max_staleness=0)
            assert isinstance(taken, Granted)
            answer = await self._store.publish(taken.claim, record)
        return answer


class LookBeforeClaim(Mutant):
    """Looks whether the key is free, and takes it then, whoever has come in between."""

    async def claim(self, key: str, claim_id: str, **named: Any) -> Hit | Granted | Busy:
        entry, state = await self._store.lookup(key), (await self._store.watch([key]))[key]
        if entry is not None and is_fresh(entry, max_staleness=named["max_staleness"]):
            return Hit(entry)
        if state.busy is not None:
            return state.busy
        await _others()
        return await _seize(self._store, key, claim_id, **named)


class CheckThenInsert(Mutant):
    """KFP's way: looks for a row, and writes its own if there is none, whoever has written one in between."""

    async def put(self, key: str, record: Record) -> Put:
        entry = await self._store.lookup(key)
        if entry is not None and is_fresh(entry):
            return Put(entry, stored=False)
        await _others()
        while not (answer := await self._store.put(key, record)).stored:
            await self._store.withdraw(key, answer.entry.published_by)
        return answer


class EarlyAnswer(Mutant):
    """Acknowledges before the commit, and crashes now and then before it comes to that."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._publishes = 0

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        answer = await self._store.publish(claim, record)
        self._publishes += 1
        if isinstance(answer, Published) and self._publishes % 3 == 0:
            await self._store.withdraw(claim.key, answer.entry.published_by)
        return answer


class OldLook(Mutant):
    """Reads from a replica that lags behind."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._seen: dict[str, Entry | None] = {}

    async def lookup(self, key: str) -> Entry | None:
        entry = await self._store.lookup(key)
        before = self._seen.get(key, entry)
        self._seen[key] = entry
        return before


MUTANTS: Final[Mapping[str, type[Mutant]]] = {
    mutant.__name__: mutant for mutant in (WithoutFence, LookBeforeClaim, CheckThenInsert, EarlyAnswer, OldLook)
}


async def _seize(store: Store, key: str, claim_id: str, **named: Any) -> Hit | Granted | Busy:
    """The claim, whoever holds it."""
    named = {"holder": "whoever", "lease": 1.0, **named}
    answer = await store.claim(key, claim_id, **named)
    while isinstance(answer, Busy):
        answer = await store.claim(key, claim_id, **(named | {"dead_holder": answer.holder}))
    return answer


async def _others() -> None:
    """Time for others to come in between."""
    await asyncio.sleep(0.002)
