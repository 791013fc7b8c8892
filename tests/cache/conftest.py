from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache
from stepcache.stores.contract import Store
from tests.cache.caches import URLS, local_artifacts, opened_store, watched


@pytest.fixture(params=URLS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(request.param, tmp_path) as store:
        yield watched(store)


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifactStore:
    return local_artifacts(tmp_path)


@pytest.fixture
async def cache(store: Store, artifacts: LocalArtifactStore) -> AsyncIterator[Cache]:
    async with Cache(store, artifacts) as cache:
        yield cache


@pytest.fixture
async def other(store: Store, artifacts: LocalArtifactStore) -> AsyncIterator[Cache]:
    """Another process, as far as the protocol is concerned."""
    async with Cache(store, artifacts) as cache:
        yield cache
