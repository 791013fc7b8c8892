"""What those who wait see (protocol.md, Waiting)."""

from __future__ import annotations

from stepcache.stores.claim import KeyState
from tests.stores.world import World, a_key, a_record, ask, busy, grant, publish

KEY = a_key()


class WatchingSuite:
    async def test_a_key_is_watched_through_its_states(self, world: World) -> None:
        async def seen() -> KeyState:
            return (await world.store.watch([KEY]))[KEY]

        other = await world.another()
        assert await seen() == KeyState(KEY, published_by="", busy=None, failures=0)

        first = await grant(other, KEY, "first", lease=10.0)
        await world.advance(4)
        assert await seen() == KeyState(KEY, "", busy(await ask(other, KEY)), 0)

        await other.release(first.claim, failure="failed")
        assert await seen() == KeyState(KEY, "", None, 1)

        second = await grant(other, KEY, "second", lease=10.0)
        await other.publish(second.claim, a_record())
        assert await seen() == KeyState(KEY, second.claim.claim_id, None, 1)

        third = await grant(other, KEY, "third", lease=10.0, max_staleness=0)
        state = await seen()
        assert state.published_by == second.claim.claim_id
        assert state.busy is not None
        assert (state.busy.holder, state.busy.lease_left, state.busy.failures) == ("third", 10, 1)

        await world.advance(10)
        assert await seen() == KeyState(KEY, second.claim.claim_id, None, 1)

        await other.publish(third.claim, a_record())
        assert (await seen()).published_by == third.claim.claim_id

        await other.invalidate(KEY)
        assert await seen() == KeyState(KEY, "", None, 1)

    async def test_a_claim_is_live_up_to_the_end_of_its_lease(self, world: World) -> None:
        await grant(world.store, KEY, lease=10.0)
        await world.advance(9.999)
        assert (await world.store.watch([KEY]))[KEY].busy is not None
        await world.advance(0.001)
        assert (await world.store.watch([KEY]))[KEY].busy is None

    async def test_a_put_is_seen(self, world: World) -> None:
        put = await world.store.put(KEY, a_record())
        assert (await world.store.watch([KEY]))[KEY].published_by == put.entry.published_by

    async def test_thousands_of_keys_are_watched_at_once(self, world: World) -> None:
        keys = [a_key(number) for number in range(5000)]
        published = await publish(world.store, keys[17])
        held = await grant(world.store, keys[4999])
        states = await world.store.watch(keys)
        assert set(states) == set(keys)
        assert states[keys[17]].published_by == published.entry.published_by
        last = states[keys[4999]].busy
        assert last is not None
        assert last.claim_id == held.claim.claim_id
        assert sum(state.busy is None and not state.published_by for state in states.values()) == 4998

    async def test_watching_nothing_or_a_key_twice(self, world: World) -> None:
        assert await world.store.watch([]) == {}
        assert set(await world.store.watch([KEY, KEY])) == {KEY}
