"""Taking an entry away: for damage, conditionally; on request, with the right of a running claim to store one."""

from __future__ import annotations

import asyncio

from stepcache.stores.claim import Granted, Invalidated, Lost, Published
from tests.stores.world import World, a_key, a_record, ask, grant, publish

KEY = a_key()


class InvalidationSuite:
    async def test_a_withdrawn_entry_is_gone(self, world: World) -> None:
        published = await publish(world.store, KEY)
        assert await (await world.another()).withdraw(KEY, published.entry.published_by)
        assert await world.store.lookup(KEY) is None
        assert await world.store.describe(KEY) is None
        assert isinstance(await ask(world.store, KEY), Granted)

    async def test_a_withdrawal_spares_a_refreshed_entry(self, world: World) -> None:
        first = await publish(world.store, KEY, a_record("first"))
        second = await publish(world.store, KEY, a_record("second"), max_staleness=0)
        assert first.entry.id == second.entry.id
        assert not await world.store.withdraw(KEY, first.entry.published_by)
        assert await world.store.lookup(KEY) == second.entry

    async def test_a_withdrawal_spares_what_was_put_in_its_place(self, world: World) -> None:
        first = await world.store.put(KEY, a_record(max_staleness=0))
        second = await world.store.put(KEY, a_record())
        assert first.entry.published_by != second.entry.published_by
        assert not await world.store.withdraw(KEY, first.entry.published_by)
        assert await world.store.lookup(KEY) == second.entry

    async def test_repeating_a_withdrawal_withdraws_nothing_more(self, world: World) -> None:
        published = await publish(world.store, KEY)
        answers = [await world.store.withdraw(KEY, published.entry.published_by) for _ in range(2)]
        assert answers == [True, False]
        assert not await world.store.withdraw(KEY, "")

    async def test_one_of_many_withdrawals_at_once_withdraws(self, world: World) -> None:
        published = await publish(world.store, KEY)
        instances = [world.store, await world.another()] * 3
        answers = await asyncio.gather(*(store.withdraw(KEY, published.entry.published_by) for store in instances))
        assert sorted(answers) == [False] * 5 + [True]

    async def test_a_withdrawal_leaves_a_running_claim_alone(self, world: World) -> None:
        published = await publish(world.store, KEY)
        granted = await grant(world.store, KEY, max_staleness=0)
        assert await world.store.withdraw(KEY, published.entry.published_by)
        assert isinstance(await world.store.publish(granted.claim, a_record()), Published)

    async def test_invalidation_says_what_there_was(self, world: World) -> None:
        assert await world.store.invalidate(KEY) == Invalidated(entry=False, claim=False)
        await publish(world.store, KEY)
        assert await world.store.invalidate(KEY) == Invalidated(entry=True, claim=False)
        await grant(world.store, KEY)
        assert await world.store.invalidate(KEY) == Invalidated(entry=False, claim=True)
        await publish(world.store, KEY)
        await grant(world.store, KEY, max_staleness=0)
        assert await world.store.invalidate(KEY) == Invalidated(entry=True, claim=True)
        assert await world.store.invalidate(KEY) == Invalidated(entry=False, claim=False)
        assert await world.store.lookup(KEY) is None

    async def test_an_invalidated_claim_cannot_publish(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        await (await world.another()).invalidate(KEY)
        assert await world.store.publish(granted.claim, a_record()) == Lost(revoked=True)
        assert await world.store.renew(granted.claim, lease=60.0) == Lost(revoked=True)
        assert await world.store.release(granted.claim, failure="failed") == Lost(revoked=True)
        assert await world.store.lookup(KEY) is None
        assert (await world.store.watch([KEY]))[KEY].failures == 0

    async def test_an_expired_claim_is_revoked_too(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=1.0)
        await world.advance(2)
        assert await world.store.invalidate(KEY) == Invalidated(entry=False, claim=True)
        assert await world.store.publish(granted.claim, a_record()) == Lost(revoked=True)

    async def test_after_an_invalidation_the_key_is_free(self, world: World) -> None:
        old = await grant(world.store, KEY, "old")
        await world.store.invalidate(KEY)
        assert (await world.store.watch([KEY]))[KEY].busy is None
        new = await grant(world.store, KEY, "new")
        assert new.claim.token > old.claim.token
        assert await world.store.publish(old.claim, a_record("old")) == Lost(revoked=True)
        assert isinstance(await world.store.publish(new.claim, a_record("new")), Published)
        assert await world.store.publish(old.claim, a_record("old")) == Lost(revoked=True)
        entry = await world.store.lookup(KEY)
        assert entry is not None
        assert entry.output == "new"

    async def test_a_claim_that_was_taken_over_is_lost_and_not_revoked(self, world: World) -> None:
        old = await grant(world.store, KEY, lease=1.0)
        await world.advance(1)
        await grant(world.store, KEY)
        await world.store.invalidate(KEY)
        assert await world.store.publish(old.claim, a_record()) == Lost(revoked=False)

    async def test_an_invalidation_and_a_publish_at_once_leave_nothing(self, world: World) -> None:
        other = await world.another()
        for number in range(10):
            key = a_key(number)
            granted = await grant(world.store, key)
            published, invalidated = await asyncio.gather(
                world.store.publish(granted.claim, a_record()), other.invalidate(key)
            )
            assert invalidated.entry == isinstance(published, Published)
            assert invalidated.claim == (published == Lost(revoked=True))
            assert await world.store.lookup(key) is None
