"""Every pair of operations that races, at every statement of the first: the second comes before or after, never
between (protocol.md, Proof).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stepcache.stores.claim import Busy, Claim, Granted, Hit, Invalidated, Lost, Published, Put, Released
from stepcache.stores.sqlite import SqliteStore
from tests.stores.sqlite.sequencer import interleaved
from tests.stores.world import a_key, a_record, ask, grant, publish
from tests.stores.worlds import SqliteWorld, sqlite_world

MOST_STATEMENTS = 12


@dataclass
class Scene:
    """One key, two stores; ``claim`` is held by the first store where a claim is held at all."""

    world: SqliteWorld
    key: str
    claim: Claim | None = None
    published_by: str = ""

    @property
    def held(self) -> Claim:
        assert self.claim is not None
        return self.claim


async def nothing(scene: Scene) -> None:
    pass


async def held(scene: Scene) -> None:
    scene.claim = (await grant(scene.world.store, scene.key, "old", lease=60.0)).claim


async def expired(scene: Scene) -> None:
    await held(scene)
    await scene.world.advance(60)


async def refreshing(scene: Scene) -> None:
    scene.published_by = (await publish(scene.world.store, scene.key, a_record("old"))).entry.published_by
    scene.claim = (await grant(scene.world.store, scene.key, max_staleness=0)).claim


Operation = Callable[[SqliteStore, Scene], Awaitable[Any]]
OPERATIONS: dict[str, Operation] = {
    "claim": lambda store, scene: ask(store, scene.key, "new"),
    "publish": lambda store, scene: store.publish(scene.held, a_record("published")),
    "renew": lambda store, scene: store.renew(scene.held, lease=60.0),
    "fail": lambda store, scene: store.release(scene.held, failure="failed"),
    "put": lambda store, scene: store.put(scene.key, a_record("put")),
    "withdraw": lambda store, scene: store.withdraw(scene.key, scene.published_by),
    "invalidate": lambda store, scene: store.invalidate(scene.key),
}


async def one_claim(scene: Scene, one: Any, other: Any) -> None:
    assert sorted(type(answer).__name__ for answer in (one, other)) == ["Busy", "Granted"]


async def one_row(scene: Scene, one: Put, other: Put) -> None:
    assert sorted((one.stored, other.stored)) == [False, True]
    assert one.entry == other.entry


async def busy_or_hit(scene: Scene, published: Any, claimed: Any) -> None:
    assert isinstance(published, Published)
    assert isinstance(claimed, Busy) or claimed == Hit(published.entry)


async def published_or_taken(scene: Scene, published: Any, claimed: Any) -> None:
    entry = await scene.world.store.lookup(scene.key)
    if isinstance(published, Published):
        assert claimed == Hit(published.entry)
        assert entry == published.entry
    else:
        assert published == Lost()
        assert isinstance(claimed, Granted)
        assert entry is None


async def kept_or_taken(scene: Scene, renewed: Any, claimed: Any) -> None:
    assert isinstance(claimed, Granted) == isinstance(renewed, Lost)


async def counted_or_taken(scene: Scene, released: Any, claimed: Any) -> None:
    assert isinstance(claimed, Granted)
    assert claimed.failures == (1 if released == Released() else 0)


async def one_row_by_the_holder(scene: Scene, published: Any, put: Any) -> None:
    assert isinstance(published, Published)
    assert published.entry.id == put.entry.id
    assert await scene.world.store.lookup(scene.key) == published.entry


async def nothing_left(scene: Scene, published: Any, invalidated: Invalidated) -> None:
    assert await scene.world.store.lookup(scene.key) is None
    assert invalidated.claim == (published == Lost(revoked=True))


async def refreshed(scene: Scene, published: Any, withdrawn: bool) -> None:
    assert isinstance(published, Published)
    entry = await scene.world.store.lookup(scene.key)
    assert entry is not None
    assert entry.output == "published"


RACES: dict[tuple[str, str], tuple[Callable[[Scene], Awaitable[None]], Callable[..., Awaitable[None]]]] = {
    ("claim", "claim"): (nothing, one_claim),
    ("put", "put"): (nothing, one_row),
    ("publish", "claim"): (held, busy_or_hit),
    ("publish", "claim of an expired lease"): (expired, published_or_taken),
    ("renew", "claim of an expired lease"): (expired, kept_or_taken),
    ("fail", "claim of an expired lease"): (expired, counted_or_taken),
    ("publish", "put"): (held, one_row_by_the_holder),
    ("publish", "invalidate"): (held, nothing_left),
    ("publish", "withdraw"): (refreshing, refreshed),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SqliteWorld]:
    async with sqlite_world(tmp_path / "store.db") as world:
        await world.another()
        yield world


@pytest.mark.parametrize("names", RACES, ids=" and ".join)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
async def test_operations_that_race_come_one_after_the_other(
    world: SqliteWorld, names: tuple[str, str], turned: bool
) -> None:
    prepare, check = RACES[names]
    stores = world.opened[::-1] if turned else world.opened
    calls = [OPERATIONS[name.split()[0]] for name in (names[::-1] if turned else names)]
    reached = 0
    for number in range(MOST_STATEMENTS):
        scene = Scene(world, a_key(number))
        await prepare(scene)
        one, other, stood_still = await interleaved(
            stores[0], calls[0](stores[0], scene), number, stores[1], calls[1](stores[1], scene)
        )
        await check(scene, *((other, one) if turned else (one, other)))
        assert await world.store.duplicates() == []
        reached += stood_still
    assert 3 <= reached < MOST_STATEMENTS  # BEGIN, what is done, COMMIT; and none was left out
