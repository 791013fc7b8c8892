"""The store in memory: the whole contract within one process, for programs that share nothing, and for tests."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence

from stepcache.stores.cache_key import check, check_all
from stepcache.stores.claim import (
    Busy,
    Claim,
    Granted,
    Hit,
    Invalidated,
    KeyState,
    Lost,
    Published,
    Put,
    Released,
    Renewed,
)
from stepcache.stores.entry import UNLIMITED, Description, Entry, Record, is_fresh
from stepcache.stores.memory_browsing import MemoryBrowsing
from stepcache.stores.memory_collection import MemoryCollection
from stepcache.stores.memory_history import MemoryHistory
from stepcache.stores.memory_state import HeldClaim, MemoryState, StoredEntry
from stepcache.stores.memory_statistics import MemoryStatistics
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.standing import USED_WITHIN, Standing


class MemoryStore(MemoryBrowsing, MemoryHistory, MemoryStatistics, MemoryCollection):
    """``stores.contract.Store`` and ``stores.runs.RunStore`` in memory; what they promise is said there.

    Several stores over one ``MemoryState`` are to each other what several processes are on a database. Safe to use
    from several threads and event loops: every operation holds the state's lock from its first look to its last
    change, and awaits nothing meanwhile, so each race of ``stores.sqlite`` is closed by that lock. What was stored
    is gone when the process ends, and not shared with a forked child.
    """

    def __init__(self, state: MemoryState | None = None) -> None:
        """Make a store over ``state``, by default over a new and empty one."""
        self._state = state or MemoryState()
        self._closed = False

    @property
    def url(self) -> str:
        """See the contract. Opening it gives an empty store: this one can only be shared within the process."""
        return "memory://"

    async def close(self) -> None:
        """See the contract."""
        self._closed = True

    async def lookup(self, key: str) -> Entry | None:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            return state.read(key)

    async def claim(  # noqa: PLR0913 - each is a word of the protocol
        self,
        key: str,
        claim_id: str,
        *,
        holder: str,
        lease: float,
        max_staleness: float = UNLIMITED,
        asked: float = 0.0,
        dead_holder: str | None = None,
    ) -> Hit | Granted | Busy:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            now, entry, claim = state.now(), state.read(key), state.claims.get(key)
            repeated = claim is not None and claim.is_held and claim.claim_id == claim_id
            if entry is not None and is_fresh(entry, max_staleness=max_staleness, asked=asked):
                if claim is not None and repeated:
                    claim.give_back(now)
                return Hit(entry)
            if claim is None:
                claim = state.claims[key] = HeldClaim()
            elif claim.is_live(now) and not repeated and claim.holder != dead_holder:
                return claim.busy(key, now)
            if not repeated:
                claim.token += 1
                claim.claimed_at = now
            if claim.revoked == claim_id:
                claim.revoked = ""
            claim.claim_id, claim.holder, claim.is_held = claim_id, holder, True
            claim.lease_until = now + round(lease * 1000)
            granted = Claim(key, claim_id, claim.token)
            return Granted(granted, lease, stale=entry, failures=claim.failures, failure=claim.failure)

    async def renew(self, claim: Claim, *, lease: float, holder: str | None = None) -> Renewed | Lost:
        """See the contract."""
        check(claim.key)
        with self._state.held(closed=self._closed) as state:
            held = state.claims.get(claim.key)
            if held is None or not held.is_of(claim):
                return state.lost(claim)
            held.lease_until = state.now() + round(lease * 1000)
            held.holder = held.holder if holder is None else holder
            return Renewed(lease)

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        """See the contract."""
        check(claim.key)
        with self._state.held(closed=self._closed) as state:
            held = state.claims.get(claim.key)
            if held is not None and held.is_of(claim):
                entry = state.write(claim.key, record, claim.claim_id, started_at=held.claimed_at)
                held.give_back(state.now())
                return Published(entry)
            standing = state.read(claim.key)
            if standing is not None and standing.published_by == claim.claim_id:
                return Published(standing)  # the answer to an earlier call was lost
            return state.lost(claim)

    async def release(self, claim: Claim, *, failure: str | None = None) -> Released | Lost:
        """See the contract."""
        check(claim.key)
        with self._state.held(closed=self._closed) as state:
            held = state.claims.get(claim.key)
            if held is None or (held.claim_id, held.token) != (claim.claim_id, claim.token):
                return state.lost(claim)
            if held.is_held:
                held.give_back(state.now())
                if failure is not None:
                    held.failures, held.failure = held.failures + 1, failure
                return Released()
            return state.lost(claim) if held.revoked == claim.claim_id else Released()

    async def put(self, key: str, record: Record) -> Put:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            standing = state.read(key)
            if standing is not None and is_fresh(standing):
                return Put(standing, stored=False)
            return Put(state.write(key, record, secrets.token_hex(16), started_at=state.now()), stored=True)

    async def withdraw(self, key: str, published_by: str) -> bool:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            standing = state.entries.get(key)
            if standing is None or standing.published_by != published_by:
                return False
            del state.entries[key]
            return True

    async def invalidate(self, key: str) -> Invalidated:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            deleted = state.entries.pop(key, None) is not None
            claim = state.claims.get(key)
            revoked = claim is not None and claim.is_held
            if claim is not None and revoked:
                claim.give_back(state.now())
                claim.revoked = claim.claim_id
            return Invalidated(entry=deleted, claim=revoked)

    async def watch(self, keys: Collection[str]) -> Mapping[str, KeyState]:
        """See the contract."""
        check_all(keys)
        with self._state.held(closed=self._closed) as state:
            now = state.now()
            return {key: _seen(key, state.entries.get(key), state.claims.get(key), now) for key in keys}

    async def stand(self, entries: Mapping[str, str]) -> Standing:
        """See ``stores.standing``."""
        check_all(entries)
        with self._state.held(closed=self._closed) as state:
            found = [(state.entries.get(key), published_by) for key, published_by in entries.items()]
            there = [stored for stored, by in found if stored is not None and stored.published_by == by]
            if len(there) < len(entries):
                return Standing.FALLEN
            return Standing.UNUSED if _are_unused(there, state.now()) else Standing.USED

    async def touch(self, keys: Collection[str]) -> None:
        """See ``stores.standing``."""
        check_all(keys)
        with self._state.held(closed=self._closed) as state:
            found = [stored for key in keys if (stored := state.entries.get(key)) is not None]
            if _are_unused(found, state.now()):
                for stored in found:
                    stored.used_at = state.now()

    async def describe(self, key: str) -> Description | None:
        """See the contract."""
        check(key)
        with self._state.held(closed=self._closed) as state:
            stored = state.entries.get(key)
            return None if stored is None else stored.record.description

    async def count_hits(self, hits: Mapping[str, int]) -> None:
        """See the contract."""
        check_all(hits)
        with self._state.held(closed=self._closed) as state:
            for key, count in hits.items():
                if (stored := state.entries.get(key)) is not None:
                    stored.hits += count
                    stored.used_at = state.now()

    async def settle(self, name: str, value: str) -> str:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            return state.settings.setdefault(name, value)

    async def settled(self, name: str) -> str | None:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            return state.settings.get(name)

    async def duplicates(self) -> Sequence[tuple[str, int]]:
        """See the contract. Never any: a key is a dictionary's."""
        with self._state.held(closed=self._closed):
            return []

    async def save_run(self, run: RunRow) -> None:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            state.save_run(run)

    async def save_tasks(self, tasks: Sequence[TaskRow]) -> None:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            state.save_tasks(tasks)

    async def finish_run(  # noqa: PLR0913 - each is a column
        self,
        run_id: str,
        *,
        unless: Collection[str],
        state: str,
        finished_at: float,
        error: str,
        outputs: str = "{}",
    ) -> bool:
        """See the contract."""
        with self._state.held(closed=self._closed) as memory:
            return memory.finish_run(
                run_id, unless=unless, state=state, finished_at=finished_at, error=error, outputs=outputs
            )

    async def run(self, run_id: str) -> RunRow | None:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            return state.runs.get(run_id)

    async def runs(self, *, state: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """See the contract."""
        with self._state.held(closed=self._closed) as memory:
            chosen = [run for run in memory.runs.values() if state is None or run.state == state]
        return sorted(chosen, key=lambda run: (-run.created_at, run.run_id))[:limit]

    async def tasks(self, run_id: str) -> Sequence[TaskRow]:
        """See the contract."""
        with self._state.held(closed=self._closed) as state:
            chosen = [task for task in state.tasks.values() if task.run_id == run_id]
        return sorted(chosen, key=lambda task: (task.position, task.name))


def _are_unused(entries: Iterable[StoredEntry], now: int) -> bool:
    """Whether one of them was not used within ``USED_WITHIN``."""
    return any(stored.used_at < now - USED_WITHIN * 1000 for stored in entries)


def _seen(key: str, stored: StoredEntry | None, claim: HeldClaim | None, now: int) -> KeyState:
    return KeyState(
        key,
        published_by="" if stored is None else stored.published_by,
        busy=claim.busy(key, now) if claim is not None and claim.is_live(now) else None,
        failures=0 if claim is None else claim.failures,
    )
