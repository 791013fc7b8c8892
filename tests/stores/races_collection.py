"""Garbage collection against every operation that races with it, at every statement (see ``races``)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from stepcache.stores.claim import Granted, Hit, Lost, Published
from stepcache.stores.contract import Store
from stepcache.stores.opening import FullStore
from tests.stores.races import OPERATIONS, Arena, Operation, Race, Scene, come_one_after_the_other
from tests.stores.world import a_claim_id, a_record, ask, grant, publish

MONTH = 30 * 86400.0


async def unused(scene: Scene) -> None:
    put = await scene.world.store.put(scene.key, a_record("old"))
    scene.published_by = put.entry.published_by
    await scene.world.advance(1)


async def being_refreshed(scene: Scene) -> None:
    """The lease has run out, so that the entry may be collected, and the old holder still publish."""
    await unused(scene)
    scene.claim = (await grant(scene.world.store, scene.key, max_staleness=0, lease=60)).claim
    await scene.world.advance(60)


async def released_long_ago(scene: Scene) -> None:
    scene.claim = (await grant(scene.world.store, scene.key)).claim
    await scene.world.store.release(scene.held, failure="failed")
    await scene.world.advance(MONTH + 1)


async def expired_long_ago(scene: Scene) -> None:
    scene.claim = (await grant(scene.world.store, scene.key, lease=60)).claim
    await scene.world.advance(MONTH + 61)


async def collect(store: Store, scene: Scene) -> bool:
    """Look at the entry as it was prepared, and collect it."""
    full = cast("FullStore", store)
    found = [entry for entry in await full.least_used(resting=False) if entry.published_by == scene.published_by]
    return bool(await full.collect(found)) if found else False


async def collect_claims(store: Store, scene: Scene) -> int:
    return await cast("FullStore", store).collect_claims(MONTH)


COLLECTIONS: dict[str, Operation] = {
    **OPERATIONS,
    "collect": collect,
    "collect-claims": collect_claims,
    "count": lambda store, scene: store.count_hits({scene.key: 1}),
    "refresh": lambda store, scene: ask(store, scene.key, "new", max_staleness=0),
}


async def is_there(scene: Scene) -> bool:
    return await scene.world.store.lookup(scene.key) is not None


async def collected_or_used(scene: Scene, collected: bool, counted: None) -> None:
    assert collected != await is_there(scene)


async def collected_or_refreshed(scene: Scene, collected: bool, published: Any) -> None:
    """What is published is kept, whichever came first."""
    assert isinstance(published, Published)
    assert await scene.world.store.lookup(scene.key) == published.entry


async def collected_or_hit(scene: Scene, collected: bool, claimed: Any) -> None:
    """A caller that was too late for the entry has the claim."""
    assert collected
    assert isinstance(claimed, Hit | Granted)


async def collected_or_claimed(scene: Scene, collected: bool, claimed: Any) -> None:
    """Who holds the claim may publish in any case."""
    assert isinstance(claimed, Granted)
    answer = await scene.world.store.publish(claimed.claim, a_record("new"))
    assert isinstance(answer, Published)
    assert await scene.world.store.lookup(scene.key) == answer.entry


async def one_collects(scene: Scene, one: bool, other: bool) -> None:
    assert sorted((one, other)) == [False, True]
    assert not await is_there(scene)


async def granted_in_any_case(scene: Scene, collected: int, claimed: Any) -> None:
    """The claim that was granted is the one that stands. Those of earlier scenes may be collected with it."""
    assert isinstance(claimed, Granted)
    again = await ask(scene.world.store, scene.key, claim_id=claimed.claim.claim_id)
    assert isinstance(again, Granted)
    assert again.claim == claimed.claim
    assert not isinstance(await ask(scene.world.store, scene.key, claim_id=a_claim_id()), Granted)
    assert isinstance(await scene.world.store.publish(claimed.claim, a_record()), Published)


async def published_or_lost(scene: Scene, collected: int, published: Any) -> None:
    """A holder that comes back after a month: its claim was collected, or it was not."""
    assert published == Lost() if collected else isinstance(published, Published)
    assert await is_there(scene) == isinstance(published, Published)
    await publish(scene.world.store, scene.key, max_staleness=0)
    await scene.world.store.collect_claims(-1)  # for the next scene to begin without


COLLECTION_RACES: dict[tuple[str, str], Race] = {
    ("collect", "count"): (unused, collected_or_used),
    ("collect", "publish"): (being_refreshed, collected_or_refreshed),
    ("collect", "claim"): (unused, collected_or_hit),
    ("collect", "refresh"): (unused, collected_or_claimed),
    ("collect", "collect"): (unused, one_collects),
    ("collect-claims", "claim"): (released_long_ago, granted_in_any_case),
    ("collect-claims", "claim of an expired lease"): (expired_long_ago, granted_in_any_case),
    ("collect-claims", "publish"): (expired_long_ago, published_or_lost),
}


class CollectionRaceSuite:
    @pytest.mark.parametrize("names", COLLECTION_RACES, ids=" and ".join)
    @pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
    async def test_operations_that_race_with_a_collection(
        self, arena: Arena, names: tuple[str, str], turned: bool
    ) -> None:
        calls = [COLLECTIONS[name.split()[0]] for name in names]
        await come_one_after_the_other(arena, calls, COLLECTION_RACES[names], turned=turned)
