"""Where a command finds its store, its artifacts and its home."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

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


@asynccontextmanager
async def opened(arguments: argparse.Namespace) -> AsyncIterator[Places]:
    """Open what the options of ``arguments`` and the environment name; leaving closes it.

    Raises InputError for a setting that cannot be, and StoreUnavailableError.
    """
    from stepcache import api
    from stepcache.settings import Settings

    settings = Settings.resolve(home=arguments.home, store=arguments.store, artifacts=arguments.artifacts)
    async with api.opened(settings) as cache:
        yield Places(settings, cache, cast("FullStore", cache.store))
