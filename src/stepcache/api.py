"""The doors for Python programs: ``stepcache.open`` and ``stepcache.open_async``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stepcache.cache.blocking import BlockingCache
from stepcache.cache.cache import Cache
from stepcache.errors import InputError
from stepcache.settings import Settings
from stepcache.stores.contract import Store
from stepcache.stores.identity import identity

if TYPE_CHECKING:
    from stepcache.artifacts.local import LocalArtifactStore

_ARTIFACTS = "artifacts"
_ONE_PROCESS = "memory://"


def open(  # noqa: A001 - read as stepcache.open
    url: str | None = None,
    *,
    artifacts: str | Path | None = None,
    home: str | Path | None = None,
    lease: float | None = None,
    same_host: bool | None = None,
) -> BlockingCache:
    """Open a cache for a program without an event loop; use it in a ``with`` statement, or call ``close``.

    Arguments that are not given come from the environment, then from defaults (docs/settings.md). Raises InputError
    for a store whose outputs are kept at another location, and StoreUnavailableError.
    """
    return BlockingCache(open_async(url, artifacts=artifacts, home=home, lease=lease, same_host=same_host))


@asynccontextmanager
async def open_async(
    url: str | None = None,
    *,
    artifacts: str | Path | None = None,
    home: str | Path | None = None,
    lease: float | None = None,
    same_host: bool | None = None,
) -> AsyncIterator[Cache]:
    """Open a cache on the running event loop, in an ``async with`` statement; arguments and errors as ``open``."""
    settings = Settings.resolve(store=url, artifacts=artifacts, home=home, lease=lease, same_host=same_host)
    async with opened(settings) as cache:
        yield cache


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Cache]:
    """Open the cache that ``settings`` describe. Leaving closes it, and the store."""
    from stepcache.stores.opening import open_store

    store = await open_store(settings.store)
    try:
        artifacts = await _artifacts(store, settings.artifacts)
        try:
            async with Cache(
                store,
                artifacts,
                lease=settings.lease,
                same_host=settings.same_host,
                longest_pause=settings.poll,
            ) as cache:
                yield cache
        finally:
            artifacts.close()
    finally:
        await store.close()


@asynccontextmanager
async def opened_to_read(settings: Settings) -> AsyncIterator[Cache]:
    """Open the cache that ``settings`` describe as it stands, to look at it: nothing is made or changed anywhere.

    Where there is no store, the cache is an empty one. It must not be asked for anything that writes. Raises
    InputError and StoreUnavailableError as ``opened`` does.
    """
    from stepcache.artifacts.local import LocalArtifactStore
    from stepcache.stores.memory import MemoryStore
    from stepcache.stores.opening import open_to_read

    store = await open_to_read(settings.store) or MemoryStore()
    try:
        known = await store.settled(_ARTIFACTS)
        if known is None:  # nothing was ever stored
            artifacts = LocalArtifactStore(settings.artifacts, "", read_only=True)
        else:
            agreed = _agreed(store, known, settings.artifacts)
            artifacts = LocalArtifactStore.open(settings.artifacts, agreed, read_only=True)
        async with Cache(store, artifacts) as cache:
            yield cache
    finally:
        await store.close()


async def _artifacts(store: Store, root: Path) -> LocalArtifactStore:
    """The one artifact store that belongs to ``store``: entries of one process must be found by all.

    It is known by its location and, so that no other one is taken for it, by the identity in its marker. Both are
    kept as one fact, and the marker is there before it: a known one that is not there is not mounted.

    Race: two that open a new store at once. What the first keeps stands, and the other has to agree
    (``test_many_processes_may_open_a_new_store_at_once``).
    """
    from stepcache.artifacts.local import LocalArtifactStore

    location = root.as_uri()
    known = await store.settled(_ARTIFACTS)
    if known is None:
        made = LocalArtifactStore.open(root)
        known = await store.settle(_ARTIFACTS, json.dumps({"location": location, "id": made.identity}))
    artifacts = LocalArtifactStore.open(root, _agreed(store, known, root))
    if store.url != _ONE_PROCESS:  # what that has ends with the pins of its process
        artifacts.register(await identity(store), store.url)
    return artifacts


def _agreed(store: Store, known: str, root: Path) -> str:
    """The identity of the artifact store that ``known`` tells of. Raises InputError when it is not at ``root``."""
    settled = json.loads(known)
    location = root.as_uri()
    if settled["location"] != location:
        raise InputError(
            f"the store {store.url} keeps its outputs at {settled['location']}, not at {location}",
            remedy=f"leave --artifacts and STEPCACHE_ARTIFACTS out, or set them to {settled['location']}",
        )
    return str(settled["id"])
