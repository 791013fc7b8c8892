"""Where a command finds its store, its artifacts and its home."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from stepcache.cache.cache import Cache
    from stepcache.settings import Settings
    from stepcache.stores.opening import FullStore


@dataclass(frozen=True, slots=True)
class Places:
    """An open cache, the store behind it, and the settings that led there."""

    settings: Settings
    cache: Cache
    store: FullStore


def settings(arguments: argparse.Namespace) -> Settings:
    """What the options of ``arguments`` and the environment say. Raises InputError for a setting that cannot be."""
    from stepcache.settings import Settings

    return Settings.resolve(home=arguments.home, store=arguments.store, artifacts=arguments.artifacts)


@asynccontextmanager
async def opened(arguments: argparse.Namespace) -> AsyncIterator[Places]:
    """Open what the options of ``arguments`` and the environment name; leaving closes it.

    Raises InputError for a setting that cannot be, and StoreUnavailableError.
    """
    from stepcache import api

    chosen = settings(arguments)
    async with api.opened(chosen) as cache:
        yield Places(chosen, cache, cast("FullStore", cache.store))


@asynccontextmanager
async def opened_to_read(arguments: argparse.Namespace) -> AsyncIterator[Places]:
    """The same as it stands, to look at it: nothing is made or changed. An empty cache where there is no store.

    Raises InputError for a setting that cannot be, and StoreUnavailableError.
    """
    from stepcache import api

    chosen = settings(arguments)
    async with api.opened_to_read(chosen) as cache:
        yield Places(chosen, cache, cast("FullStore", cache.store))


@asynccontextmanager
async def store(arguments: argparse.Namespace) -> AsyncIterator[FullStore]:
    """The store alone, open; leaving closes it. Raises InputError, and StoreUnavailableError."""
    from stepcache.stores.opening import open_store

    opened_store = await open_store(settings(arguments).store)
    try:
        yield opened_store
    finally:
        await opened_store.close()


@asynccontextmanager
async def store_to_read(arguments: argparse.Namespace) -> AsyncIterator[FullStore]:
    """The store alone, to look at it: nothing is made or changed. An empty one where there is none.

    Raises InputError for a setting that cannot be, and StoreUnavailableError.
    """
    from stepcache.stores.memory import MemoryStore
    from stepcache.stores.opening import open_to_read

    store = await open_to_read(settings(arguments).store) or MemoryStore()
    try:
        yield store
    finally:
        await store.close()
