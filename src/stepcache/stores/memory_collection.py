"""Garbage collection of the store in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from stepcache.stores.memory_state import HeldClaim, MemoryState, StoredEntry
from stepcache.stores.standing import RESTING_TEMPLATE
from stepcache.stores.unused import LIVE_STATES, StoredOutput, UnusedEntry, check_digests, milliseconds


class MemoryCollection:
    """``stores.collection.CollectingStore``; the state's lock closes every race."""

    _state: MemoryState
    _closed: bool

    async def least_used(
        self, *, resting: bool, after: tuple[int, int] | None = None, limit: int = 500
    ) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            found = [
                _unused(key, stored, state.now())
                for key, stored in state.entries.items()
                if stored.record.template.startswith(RESTING_TEMPLATE) == resting
            ]
        return sorted((one for one in found if after is None or one.place > after), key=lambda one: one.place)[
            :limit
        ]

    async def collect(self, entries: Sequence[UnusedEntry]) -> Sequence[UnusedEntry]:
        """See ``CollectingStore``."""
        collected = []
        with self._state.held(closed=self._closed) as state:
            for entry in entries:
                stored, claim = state.entries.get(entry.key), state.claims.get(entry.key)
                if (
                    stored is None
                    or (stored.published_by, stored.used_at) != (entry.published_by, entry.used_at)
                    or (claim is not None and claim.is_live(state.now()))
                ):
                    continue
                del state.entries[entry.key]
                collected.append(entry)
        return collected

    async def reference_counts(self, digests: Collection[str]) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        check_digests(digests)
        asked = set(digests)
        with self._state.held(closed=self._closed) as state:
            return Counter(
                digest
                for stored in state.entries.values()
                for digest in {artifact.digest for artifact in stored.record.artifacts} & asked
            )

    async def referenced_size(self) -> int:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            sizes = {item.digest: item.size for one in state.entries.values() for item in one.record.artifacts}
        return sum(sizes.values())

    async def stored_outputs(self, *, after: int = 0, limit: int = 200) -> Sequence[StoredOutput]:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            found = [_output(key, stored) for key, stored in state.entries.items() if stored.id > after]
        return sorted(found, key=lambda one: one.id)[:limit]

    async def collect_details(self) -> int:
        """See ``CollectingStore``. No other program reaches the memory of this one."""
        with self._state.held(closed=self._closed):
            return 0

    async def unused_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            return len(_unused_claims(state, age))

    async def collect_claims(self, age: float) -> int:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            keys = _unused_claims(state, age)
            for key in keys:
                del state.claims[key]
        return len(keys)

    async def ended_runs(self, *, before: float, after: str = "", limit: int = 500) -> Mapping[str, int]:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            needed = Counter(stored.record.description.run_id for stored in state.entries.values())
            ended = sorted(name for name in state.runs if name > after and _has_ended(state, name, before))
        return {name: needed[name] for name in ended[:limit]}

    async def collect_runs(self, run_ids: Collection[str], *, before: float) -> Sequence[str]:
        """See ``CollectingStore``."""
        with self._state.held(closed=self._closed) as state:
            gone = [run_id for run_id in run_ids if _has_ended(state, run_id, before)]
            for run_id in gone:
                del state.runs[run_id]
                state.requests.pop(run_id, None)
            state.tasks = {place: task for place, task in state.tasks.items() if task.run_id not in gone}
        return gone


def _unused(key: str, stored: StoredEntry, now: int) -> UnusedEntry:
    described = stored.record.description
    return UnusedEntry(
        key=key,
        id=stored.id,
        published_by=stored.published_by,
        used_at=stored.used_at,
        unused_for=(now - stored.used_at) / 1000,
        pipeline=described.pipeline,
        component=described.component,
        run_id=described.run_id,
        artifacts=tuple({artifact.digest: artifact for artifact in stored.record.artifacts}.values()),
    )


def _output(key: str, stored: StoredEntry) -> StoredOutput:
    described = stored.record.description
    return StoredOutput(
        key,
        stored.id,
        stored.published_by,
        stored.record.output,
        described.pipeline,
        described.component,
        described.task,
    )


def _unused_claims(state: MemoryState, age: float) -> list[str]:
    before = state.now() - milliseconds(age)

    def is_unused(claim: HeldClaim) -> bool:
        return (claim.lease_until if claim.is_held else claim.released_at) < before

    return [key for key, claim in state.claims.items() if is_unused(claim)]


def _has_ended(state: MemoryState, run_id: str, before: float) -> bool:
    run = state.runs.get(run_id)
    return run is not None and run.state not in LIVE_STATES and run.finished_at < before
