"""Stores that several processes share by their URLs, each with a clock that stands still until it is moved.

A new back end joins by a line in ``SHARED`` and a branch in ``open_by_test_clock``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pytest

from stepcache.stores import opening
from stepcache.stores.contract import Store
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sqlite import SqliteStore
from tests.stores.sql_world import sql_world
from tests.stores.worlds import CLOCK, sqlite_world


class SharedWorld(Protocol):
    """A ``tests.stores.world.World`` that other processes reach."""

    @property
    def url(self) -> str:
        """Where."""

    async def advance(self, seconds: float) -> None:
        """See ``World``."""


@dataclass(frozen=True, slots=True)
class SharedStore:
    world: SharedWorld
    one_transaction: bool
    """Whether each call is one transaction; see ``StoreSpecification``."""


SHARED: Final = ("sqlite", "postgresql", "mariadb")


@asynccontextmanager
async def shared_store(name: str, request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[SharedStore]:
    """A new store of the kind ``name``."""
    if name == "sqlite":
        async with sqlite_world(directory / "store.db") as embedded:
            yield SharedStore(embedded, one_transaction=True)
    else:
        async with sql_world(request.getfixturevalue(f"{name}_server")) as served:
            yield SharedStore(served, one_transaction=False)


async def open_by_test_clock(url: str) -> Store:
    """The store at ``url`` as its world opens it, from any process."""
    if url.startswith("sqlite:///"):
        store = SqliteStore(Path(url.removeprefix("sqlite:///")), clock=CLOCK)
        await store.open()
        return store
    driver, kind = opening.server(url)
    return await open_store(driver, kind, clock=CLOCK)
