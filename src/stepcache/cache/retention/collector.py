"""Garbage collection of a cache: entries before artifacts, and nothing that anybody relies on (docs/gc.md)."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from stepcache.artifacts.collection import ArtifactCollection, StoredObject, age, size
from stepcache.artifacts.scratch import remove
from stepcache.cache.retention.freed import Freed
from stepcache.cache.retention.unused import Candidate, in_order
from stepcache.cache.retention.users import check_users
from stepcache.errors import StoreUnavailableError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.collection import CollectingStore
from stepcache.stores.contract import Store
from stepcache.stores.unused import UnusedEntry

STRAY_AGE: Final = 86400.0
"""Seconds for which an artifact is kept that no entry refers to, and none that was collected now did. Who is about
to refer to it has pinned it; this is for those whose pins cannot be seen, on another machine whose file system
keeps locks to itself.
"""
_BATCH: Final = 100
_GATE_PATIENCE: Final = 5.0
"""Seconds that a store may take to answer while the gate is closed, and others wait before it."""
_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch


@dataclass(frozen=True, slots=True)
class Limits:
    """What is to go. With neither, only what nobody refers to."""

    older_than: float | None = None
    """Entries that were not used for longer than so many seconds."""
    max_size: int | None = None
    """Least recently used entries with artifacts, until what entries refer to has at most so many bytes."""


class CollectedStore(Store, CollectingStore, Protocol):
    """Both in one."""


class Collector:
    """One collection. With ``dry_run`` everything is looked at in the same way, and nothing changed."""

    def __init__(  # noqa: PLR0913 - what it works with, each named
        self,
        store: CollectedStore,
        artifacts: ArtifactCollection,
        others: Mapping[str, CollectingStore],
        *,
        identity: str,
        dry_run: bool = False,
        stray_age: float = STRAY_AGE,
    ) -> None:
        """Make the collector of ``store``.

        Args:
            store: of which entries are collected.
            artifacts: where the outputs are of it and of ``others``.
            others: by their identities, other stores whose outputs are there; nothing of them is collected.
            identity: that of ``store``.
            dry_run: whether to look only.
            stray_age: see ``STRAY_AGE``.
        """
        self.freed = Freed()
        self.runs: Counter[str] = Counter()
        """How many entries of each run went, or would."""
        self._store = store
        self._artifacts = artifacts
        self._stores = (store, *others.values())
        self._known = {identity, *others}
        self._dry_run = dry_run
        self._stray_age = stray_age
        self._began = time.monotonic()
        self._size = 0
        self._left: dict[str, int] = {}
        """How many entries refer to each artifact of the entries that were looked at, less those that go."""
        self._owners: dict[str, tuple[str, str]] = {}
        """Pipeline and component of the last entry that goes, of each artifact to which none refers then."""

    async def collect_entries(self, limits: Limits) -> None:
        """Delete entries, least recently used first, until ``limits`` are kept.

        Spared: what was used or refreshed since it was looked at, and what somebody executes. An entry that a live
        run has just reused, which is not written yet, may go: the run has what it needs, in memory or pinned.
        """
        self._size = await self._store.referenced_size()
        if limits == Limits():
            return
        async for piece in in_order(self._store, self._began):
            await self._count_references(piece)
            for start in range(0, len(piece), _BATCH):
                if not await self._collect_some(piece[start : start + _BATCH], limits):
                    return

    @property
    def kept(self) -> int:
        """The bytes of what entries refer to, less what goes. Exact after a dry run."""
        return self._size

    async def collect_artifacts(self) -> None:
        """Delete the artifacts that no entry refers to and nobody has pinned. Raises as ``check_users``."""
        directory = None if self._dry_run else self._artifacts.new_directory()
        now = self._artifacts.now()
        try:
            for page in self._artifacts.pages():
                counts = await self._references({found.digest for found in page})
                going = [
                    found
                    for found in page
                    if not counts.get(found.digest)
                    and (found.digest in self._owners or age(found, now) > self._stray_age)
                ]
                if going:
                    await self._take_out(going, directory)
        finally:
            if directory is not None:
                await asyncio.to_thread(remove, directory)

    async def _collect_some(self, piece: Sequence[Candidate], limits: Limits) -> bool:
        """Collect those of ``piece`` that have to go; False when none behind them has to.

        What somebody else has changed meanwhile is spared, and its artifacts stay: then the next piece makes up.
        """
        chosen: list[UnusedEntry] = []
        is_done = False
        for candidate in piece:
            is_old = limits.older_than is not None and candidate.unused_for > limits.older_than
            is_over = limits.max_size is not None and self._size > limits.max_size
            if not is_old and not is_over:
                is_done = True
                break
            if is_old or candidate.entry.artifacts:
                chosen.append(candidate.entry)
                self._count(candidate.entry, -1)
        collected = chosen if self._dry_run or not chosen else await self._store.collect(chosen)
        ids = {entry.id for entry in collected}
        for entry in chosen:
            if entry.id in ids:
                self._note(entry)
            else:
                self._count(entry, 1)
        is_still_over = limits.max_size is not None and self._size > limits.max_size
        return not is_done or is_still_over

    def _count(self, entry: UnusedEntry, change: int) -> None:
        for artifact in entry.artifacts:
            before = self._left.get(artifact.digest, 0)
            self._left[artifact.digest] = before + change
            if before + min(change, 0) == 0:  # the last reference goes, or comes back
                self._size += change * artifact.size

    def _note(self, entry: UnusedEntry) -> None:
        share = self.freed.of(entry.pipeline, entry.component)
        share.entries += 1
        self.runs[entry.run_id] += 1
        for artifact in entry.artifacts:
            if self._left.get(artifact.digest, 0) <= 0:
                self._owners[artifact.digest] = (entry.pipeline, entry.component)

    async def _count_references(self, piece: Sequence[Candidate]) -> None:
        digests = {artifact.digest for candidate in piece for artifact in candidate.entry.artifacts}
        self._left.update(await self._referring(digests - self._left.keys()))

    async def _references(self, digests: Collection[str]) -> Mapping[str, int]:
        counts = await self._referring(digests)
        if not self._dry_run:
            return counts
        return {digest: max(0, self._left.get(digest, count)) for digest, count in counts.items()}

    async def _referring(self, digests: Collection[str]) -> dict[str, int]:
        """How many entries of all stores refer to each of ``digests``."""
        asked = [digest for digest in digests if _is_digest(digest)]
        totals: dict[str, int] = {}
        for store in self._stores if asked else ():
            for digest, count in (await store.reference_counts(asked)).items():
                totals[digest] = totals.get(digest, 0) + count
        return totals

    async def _take_out(self, going: Sequence[StoredObject], directory: Path | None) -> None:
        """Race: a collection, and a process that comes to rely on an artifact. The gate is closed; pins are looked
        at first and entries then, because who has published and gone has pinned before
        (``test_an_output_that_is_collected_is_never_relied_on``).

        Race: a store that begins to use these artifacts. It is noted before it has any here
        (``test_a_store_that_came_meanwhile_is_noticed``).
        """
        moved: list[tuple[StoredObject, Path]] = []
        with self._artifacts.closed() as pinned:
            check_users(self._artifacts, self._known)
            free = [found for found in going if found.name not in pinned]
            counts = await self._quick_references(free)
            unused = [found for found in free if not counts.get(found.digest)]
            for found in unused:
                place = found.path if directory is None else self._artifacts.take_out(found, directory)
                if place is not None:
                    moved.append((found, place))
        self.freed.in_use += len(going) - len(free)
        await asyncio.to_thread(self._delete, moved)

    async def _quick_references(self, found: Sequence[StoredObject]) -> Mapping[str, int]:
        try:
            async with asyncio.timeout(_GATE_PATIENCE):
                return await self._references({one.digest for one in found})
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"the store did not answer within {_GATE_PATIENCE:g} seconds, for which others had to wait",
                remedy="collect again when it is less busy",
            ) from error

    def _delete(self, moved: Sequence[tuple[StoredObject, Path]]) -> None:
        for found, place in moved:
            owner = self._owners.get(found.digest)
            share = self.freed.unreferenced if owner is None else self.freed.of(*owner)
            share.artifacts += 1
            share.bytes += size(place)
            if not self._dry_run:
                remove(place)
                self._artifacts.forget_proof(found.digest)
