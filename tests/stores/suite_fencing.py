"""A holder that lost its claim changes nothing (protocol.md, P3); one that kept it loses nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stepcache.stores.claim import Busy, Granted, Lost, Published, Released
from tests.stores.world import World, a_key, a_record, ask, busy, described, grant, publish

KEY = a_key()


class FencingSuite:
    @pytest.mark.parametrize("way", ["expiry", "death"])
    async def test_an_old_holder_changes_nothing_after_a_takeover(self, world: World, way: str) -> None:
        old_store, new_store = world.store, await world.another()
        old = await grant(old_store, KEY, "old", lease=60.0)
        if way == "expiry":
            await world.advance(60)
        new = await grant(new_store, KEY, "new", lease=60.0, dead_holder="old")

        assert await old_store.renew(old.claim, lease=600.0, holder="old again") == Lost()
        assert await old_store.publish(old.claim, a_record("old")) == Lost()
        assert await old_store.release(old.claim, failure="old") == Lost()

        seen = busy(await ask(old_store, KEY))
        assert (seen.claim_id, seen.holder, seen.lease_left) == (new.claim.claim_id, "new", 60)
        assert seen.failures == 0
        assert await old_store.lookup(KEY) is None
        assert isinstance(await new_store.publish(new.claim, a_record("new")), Published)

        assert await old_store.publish(old.claim, a_record("old")) == Lost()
        entry = await old_store.lookup(KEY)
        assert entry is not None
        assert (entry.output, entry.published_by) == ("new", new.claim.claim_id)

    async def test_both_halves_of_the_fence_count(self, world: World) -> None:
        claim = (await grant(world.store, KEY, "a")).claim
        for wrong in (
            replace(claim, token=claim.token + 1),
            replace(claim, token=claim.token - 1),
            replace(claim, claim_id="0" * 32),
            replace(claim, key=a_key("another")),
        ):
            assert await world.store.renew(wrong, lease=600.0, holder="b") == Lost()
            assert await world.store.publish(wrong, a_record()) == Lost()
            assert await world.store.release(wrong, failure="b") == Lost()
        seen = busy(await ask(world.store, KEY))
        assert (seen.claim_id, seen.holder, seen.lease_left, seen.failures) == (claim.claim_id, "a", 60, 0)
        assert await world.store.lookup(KEY) is None
        assert await world.store.lookup(a_key("another")) is None

    async def test_a_late_publish_of_a_claim_that_nobody_took_is_stored(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=1.0)
        await world.advance(3600)
        answer = await world.store.publish(granted.claim, a_record("late"))
        assert isinstance(answer, Published)
        assert answer.entry.output == "late"

    async def test_a_publish_ends_the_claim(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        await world.store.publish(granted.claim, a_record())
        assert await world.store.renew(granted.claim, lease=60.0) == Lost()
        assert (await world.store.watch([KEY]))[KEY].busy is None

    async def test_a_release_ends_the_claim(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        await world.store.release(granted.claim)
        assert await world.store.renew(granted.claim, lease=60.0) == Lost()
        assert await world.store.publish(granted.claim, a_record()) == Lost()
        assert await world.store.lookup(KEY) is None

    async def test_repeating_a_publish_answers_the_same_and_writes_once(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        first = await world.store.publish(granted.claim, described("first", "task"))
        await world.advance(5)
        again = await (await world.another()).publish(granted.claim, described("again", "other"))
        assert isinstance(first, Published)
        assert isinstance(again, Published)
        assert again.entry == replace(first.entry, age=first.entry.age + 5)
        description = await world.store.describe(KEY)
        assert description is not None
        assert description.task == "task"

    async def test_repeating_a_publish_that_was_replaced_since_changes_nothing(self, world: World) -> None:
        first = await grant(world.store, KEY)
        await world.store.publish(first.claim, a_record("first"))
        second = await publish(world.store, KEY, a_record("second"), max_staleness=0)
        assert await world.store.publish(first.claim, a_record("first")) == Lost()
        assert await world.store.lookup(KEY) == second.entry

    async def test_repeating_a_release_answers_the_same_and_counts_once(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        for _ in range(3):
            assert await world.store.release(granted.claim, failure="failed") == Released()
        assert (await grant(world.store, KEY)).failures == 1

    async def test_releasing_after_publishing_is_released_and_counts_nothing(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        await world.store.publish(granted.claim, a_record())
        assert await world.store.release(granted.claim, failure="too late") == Released()
        assert (await grant(world.store, KEY, max_staleness=0)).failures == 0

    async def test_a_late_release_spares_the_next_holder(self, world: World) -> None:
        first = await grant(world.store, KEY)
        await world.store.release(first.claim)
        await grant(world.store, KEY, "second")
        assert await world.store.release(first.claim, failure="again") == Lost()
        seen = busy(await ask(world.store, KEY))
        assert (seen.holder, seen.failures) == ("second", 0)

    async def test_a_late_publish_and_a_takeover_at_once_end_in_one_way_or_the_other(self, world: World) -> None:
        other = await world.another()
        for number in range(10):
            key = a_key(number)
            old = await grant(world.store, key, lease=1.0)
            await world.advance(1)
            published, claimed = await asyncio.gather(
                world.store.publish(old.claim, a_record("old")), ask(other, key)
            )
            if isinstance(published, Published):
                assert not isinstance(claimed, Granted | Busy)
            else:
                assert isinstance(claimed, Granted)
                assert await world.store.lookup(key) is None
