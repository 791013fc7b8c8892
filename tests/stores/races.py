"""Every pair of operations that races, at every statement of the first: the second comes before or after, never
between (protocol.md, Proof).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from stepcache.stores.claim import Busy, Claim, Granted, Hit, Invalidated, Lost, Published, Put, Released
from stepcache.stores.contract import Store
from tests.stores.world import World, a_key, a_record, ask, grant, publish

MOST_STATEMENTS = 14


class Arena(Protocol):
    """A world with two stores, of which one can be made to stand still before a chosen statement."""

    @property
    def world(self) -> World: ...

    @property
    def stores(self) -> Sequence[Store]: ...

    async def interleaved(
        self,
        first: Callable[[Store], Awaitable[Any]],
        number: int,
        second: Callable[[Store], Awaitable[Any]],
        *,
        turned: bool,
    ) -> tuple[Any, Any, bool]:
        """Stop ``first`` before its ``number``-th statement, let ``second`` go as far as it gets, then both to the
        end. The first store is the one that ``first`` works on, unless ``turned``.

        Answers both answers, and whether ``first`` has so many statements.
        """


@dataclass
class Scene:
    """One key of a world; ``claim`` is held where a claim is held at all."""

    world: World
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


async def stale(scene: Scene) -> None:
    put = await scene.world.store.put(scene.key, a_record("old", max_staleness=0))
    scene.published_by = put.entry.published_by


Operation = Callable[[Store, Scene], Awaitable[Any]]
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


async def replaced_or_put_again(scene: Scene, put: Put, withdrawn: bool) -> None:
    """A withdrawal is of what was published before, never of what came in its place."""
    assert put.stored
    assert await scene.world.store.lookup(scene.key) == put.entry


async def granted_or_revoked(scene: Scene, claimed: Any, invalidated: Invalidated) -> None:
    assert isinstance(claimed, Granted)
    answer = await scene.world.store.publish(claimed.claim, a_record())
    assert isinstance(answer, Published) or answer == Lost(revoked=True)
    assert isinstance(answer, Published) or invalidated.claim


Race = tuple[Callable[[Scene], Awaitable[None]], Callable[..., Awaitable[None]]]
RACES: dict[tuple[str, str], Race] = {
    ("claim", "claim"): (nothing, one_claim),
    ("put", "put"): (nothing, one_row),
    ("publish", "claim"): (held, busy_or_hit),
    ("publish", "claim of an expired lease"): (expired, published_or_taken),
    ("renew", "claim of an expired lease"): (expired, kept_or_taken),
    ("fail", "claim of an expired lease"): (expired, counted_or_taken),
    ("publish", "put"): (held, one_row_by_the_holder),
    ("publish", "invalidate"): (held, nothing_left),
    ("publish", "withdraw"): (refreshing, refreshed),
    ("put of a stale entry", "withdraw"): (stale, replaced_or_put_again),
    ("put of a stale entry", "put"): (stale, one_row),
    ("claim", "invalidate"): (nothing, granted_or_revoked),
}


class RaceSuite:
    @pytest.mark.parametrize("names", RACES, ids=" and ".join)
    @pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
    async def test_operations_that_race_come_one_after_the_other(
        self, arena: Arena, names: tuple[str, str], turned: bool
    ) -> None:
        await come_one_after_the_other(
            arena, [OPERATIONS[name.split()[0]] for name in names], RACES[names], turned=turned
        )


async def come_one_after_the_other(arena: Arena, calls: Sequence[Operation], race: Race, *, turned: bool) -> None:
    """Force each interleaving of two ``calls``, the second of them first if ``turned``, each on a scene of its own
    that the race prepares, and have the race check what came of it.
    """
    prepare, check = race
    first, second = calls[::-1] if turned else calls
    reached = 0
    for number in range(MOST_STATEMENTS):
        scene = Scene(arena.world, a_key(number))
        await prepare(scene)
        one, other, stood_still = await arena.interleaved(
            lambda store, scene=scene: first(store, scene),  # type: ignore[misc]
            number,
            lambda store, scene=scene: second(store, scene),  # type: ignore[misc]
            turned=turned,
        )
        await check(scene, *((other, one) if turned else (one, other)))
        assert await arena.world.store.duplicates() == []
        reached += stood_still
        if not stood_still:
            break
    assert 1 <= reached < MOST_STATEMENTS  # there is something to come between, and none was left out
