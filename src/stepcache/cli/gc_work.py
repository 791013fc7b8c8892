"""What ``stepcache gc`` does, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import field
from typing import TYPE_CHECKING, Any, cast

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.retention.collector import Collector, Limits
from stepcache.cache.retention.freed import Freed
from stepcache.cache.retention.users import check_users
from stepcache.cache.retention.verification import Verification, verify
from stepcache.cli import gc_progress, places
from stepcache.errors import InputError
from stepcache.executors.environments import unused_layers
from stepcache.executors.environments.unused_layers import CollectedLayers
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import old_runs
from stepcache.pipelines.kept_specs import KeptSpecs
from stepcache.pipelines.old_runs import CollectedRuns
from stepcache.stores.identity import known_identity

if TYPE_CHECKING:
    from stepcache.cli.places import Places
    from stepcache.stores.opening import FullStore

CLAIM_AGE = 30 * 86400.0
"""Seconds after which a claim that nobody holds is forgotten."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    older_than: float | None
    max_size: int | None
    runs: bool
    verify: bool
    dry_run: bool
    entries_only: bool
    also_stores: tuple[str, ...]


@dataclass(slots=True)
class Work:
    """What was done, or would be."""

    dry_run: bool
    freed: Freed = field(default_factory=Freed)
    kept: int = 0
    """Bytes of the artifacts that the entries which are left refer to."""
    claims: int = 0
    runs: CollectedRuns = field(default_factory=lambda: CollectedRuns(0, 0))
    layers: CollectedLayers = field(default_factory=lambda: CollectedLayers(0, 0))
    pipelines: int = 0
    """Pipelines that were read before, and kept for the next time."""
    leftovers: int = 0
    """Files and directories of processes that died, and details of entries that other programs deleted."""
    verification: Verification | None = None

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        total, unreferenced, found = self.freed.total, self.freed.unreferenced, self.verification
        return {
            "dry_run": self.dry_run,
            "entries": total.entries,
            "artifacts": total.artifacts,
            "bytes": total.bytes,
            "components": [share.to_document() for share in self.freed.shares()],
            "unreferenced": {"artifacts": unreferenced.artifacts, "bytes": unreferenced.bytes},
            "in_use": self.freed.in_use,
            "kept_bytes": self.kept,
            "claims": self.claims,
            "runs": {"runs": self.runs.runs, "bytes": self.runs.bytes},
            "environments": {"environments": self.layers.layers, "bytes": self.layers.bytes},
            "pipelines": self.pipelines,
            "leftovers": self.leftovers,
            "verified": None
            if found is None
            else {
                "entries": found.entries,
                "artifacts": found.artifacts,
                "bytes": found.bytes,
                "damaged": [damage.to_document() for damage in found.damaged],
            },
        }


async def collect(arguments: argparse.Namespace, wish: Wish) -> Work:
    """Do it. Raises InputError, with nothing changed, and StoreUnavailableError."""
    opened = places.opened_to_read if wish.dry_run else places.opened
    async with opened(arguments) as here, AsyncExitStack() as stack:
        return await _Collection(here, wish, await _others(here, wish, stack)).run()


async def _others(here: Places, wish: Wish, stack: AsyncExitStack) -> dict[str, FullStore]:
    """The stores of ``--also-store``, by identity. Raises InputError for one with other artifacts."""
    from stepcache.stores.opening import open_to_read

    agreed = await here.store.settled("artifacts")
    found = {}
    for url in wish.also_stores:
        store = await open_to_read(url)
        if store is None:
            raise InputError(f"there is no store at {url}", remedy="name a store that is there by --also-store")
        stack.push_async_callback(store.close)
        identity = await known_identity(store)
        if identity is None or await store.settled("artifacts") != agreed:
            raise InputError(
                f"{url} keeps its outputs elsewhere", remedy="name stores with the same artifacts by --also-store"
            )
        found[identity] = store
    return found


class _Collection:
    def __init__(self, here: Places, wish: Wish, others: dict[str, FullStore]) -> None:
        self._here = here
        self._wish = wish
        self._others = others
        self._work = Work(wish.dry_run)
        self._local = cast("LocalArtifactStore", here.cache.artifacts)
        self._artifacts = self._local.collection()
        self._going: Mapping[str, int] = {}

    async def run(self) -> Work:
        work, wish, store = self._work, self._wish, self._here.store
        identity = await known_identity(store) or ""
        known = {identity, *self._others}
        if not wish.entries_only:
            check_users(self._artifacts, known)
            if not wish.dry_run:
                self._artifacts.check_locks()
        if wish.verify:
            with gc_progress.verifying() as told:
                work.verification = await verify(store, self._local, dry_run=wish.dry_run, progress=told)
        collector = Collector(store, self._artifacts, self._others, identity=identity, dry_run=wish.dry_run)
        work.freed, self._going = collector.freed, collector.runs
        await collector.collect_entries(Limits(wish.older_than, wish.max_size))
        if not wish.entries_only:
            await collector.collect_artifacts()
        work.kept = collector.kept if wish.dry_run else await store.referenced_size()
        await self._claims()
        await self._home()
        if not wish.dry_run:
            await self._leftovers()
        return work

    async def _claims(self) -> None:
        store = self._here.store
        self._work.claims = await (store.unused_claims if self._wish.dry_run else store.collect_claims)(CLAIM_AGE)

    async def _home(self) -> None:
        age, dry_run, home = self._wish.older_than, self._wish.dry_run, self._here.settings.home
        if age is None:
            return
        if self._wish.runs:
            self._work.runs = await old_runs.collect(
                self._here.store, home, age, going=self._going, dry_run=dry_run
            )
        self._work.layers = await asyncio.to_thread(unused_layers.collect, home, age, dry_run=dry_run)
        self._work.pipelines = KeptSpecs(home / "pipelines").collect(age, dry_run=dry_run)

    async def _leftovers(self) -> None:
        """What no limit is for: nobody can need it."""
        from stepcache.pipelines.engine import Engine

        here, artifacts = self._here, self._artifacts
        self._work.leftovers = await here.store.collect_details()
        self._work.leftovers += await asyncio.to_thread(here.cache.artifacts.sweep)
        if not self._wish.entries_only:
            self._work.leftovers += await asyncio.to_thread(artifacts.sweep_pins)
            self._work.leftovers += await asyncio.to_thread(artifacts.sweep_proofs)
        await Engine(here.cache, here.store, here.settings.home).sweep()
