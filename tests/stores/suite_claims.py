"""At most one live claim per key (protocol.md, P2): who gets it, and when."""

from __future__ import annotations

import asyncio

from stepcache.stores.claim import Busy, Granted, Hit, Released, Renewed
from tests.stores.world import World, a_claim_id, a_key, a_record, ask, busy, grant, publish

KEY = a_key()


class ClaimSuite:
    async def test_a_free_key_is_granted(self, world: World) -> None:
        claim_id = a_claim_id()
        granted = await world.store.claim(KEY, claim_id, holder="a", lease=60.0)
        assert isinstance(granted, Granted)
        assert (granted.claim.key, granted.claim.claim_id) == (KEY, claim_id)
        assert (granted.lease, granted.stale, granted.failures, granted.failure) == (60.0, None, 0, "")

    async def test_a_held_key_is_busy_and_says_who_and_how_long(self, world: World) -> None:
        granted = await grant(world.store, KEY, "holder é", lease=60.0)
        await world.advance(1.25)
        answer = busy(await ask(await world.another(), KEY))
        assert answer == Busy(
            key=KEY,
            claim_id=granted.claim.claim_id,
            token=granted.claim.token,
            holder="holder é",
            lease_left=58.75,
            held_for=1.25,
            failures=0,
        )

    async def test_one_of_many_claimers_at_once_is_granted(self, world: World) -> None:
        instances = [world.store, *[await world.another() for _ in range(3)]]
        keys = [a_key(number) for number in range(5)]
        answers = await asyncio.gather(
            *(ask(store, key, f"{number}") for key in keys for number, store in enumerate(instances * 2))
        )
        granted = [answer.claim for answer in answers if isinstance(answer, Granted)]
        assert sorted(claim.key for claim in granted) == sorted(keys)
        holders = {claim.key: claim.claim_id for claim in granted}
        refused = [answer for answer in answers if isinstance(answer, Busy)]
        assert len(refused) == len(answers) - len(keys)
        assert all(holders[answer.key] == answer.claim_id for answer in refused)

    async def test_claims_of_different_keys_do_not_meet(self, world: World) -> None:
        first, second = await grant(world.store, a_key(1)), await grant(world.store, a_key(2))
        assert await world.store.release(first.claim) == Released()
        assert isinstance(await ask(world.store, a_key(2)), Busy)
        assert await world.store.release(second.claim) == Released()

    async def test_repeating_a_claim_grants_the_same_again_for_a_whole_lease(self, world: World) -> None:
        first = await grant(world.store, KEY, claim_id="1" * 32)
        await world.advance(50)
        assert await grant(await world.another(), KEY, claim_id="1" * 32) == first
        await world.advance(50)
        answer = busy(await ask(world.store, KEY))
        assert (answer.lease_left, answer.held_for) == (10, 100)

    async def test_repeating_a_claim_whose_lease_ran_out_grants_it_again(self, world: World) -> None:
        first = await grant(world.store, KEY, claim_id="1" * 32, lease=1.0)
        await world.advance(2)
        assert await grant(world.store, KEY, claim_id="1" * 32, lease=1.0) == first

    async def test_repeating_a_claim_whose_key_has_become_fresh_gives_the_claim_back(self, world: World) -> None:
        await grant(world.store, KEY, claim_id="1" * 32)
        await world.store.put(KEY, a_record("put"))
        assert isinstance(await ask(world.store, KEY, claim_id="1" * 32), Hit)
        assert isinstance(await ask(world.store, KEY, max_staleness=0), Granted)

    async def test_the_lease_ends_exactly_when_it_ends(self, world: World) -> None:
        await grant(world.store, KEY, lease=60.0)
        await world.advance(59.999)
        assert busy(await ask(world.store, KEY)).lease_left == 0.001
        await world.advance(0.001)
        await grant(world.store, KEY)

    async def test_a_renewal_counts_from_the_moment_it_is_made(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=60.0)
        await world.advance(59)
        assert await world.store.renew(granted.claim, lease=30.0) == Renewed(30.0)
        await world.advance(29.999)
        assert busy(await ask(world.store, KEY)).held_for == 88.999
        await world.advance(0.001)
        await grant(world.store, KEY)

    async def test_a_renewal_may_shorten_the_lease(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=60.0)
        await world.store.renew(granted.claim, lease=1.0)
        assert busy(await ask(world.store, KEY)).lease_left == 1.0

    async def test_a_renewal_keeps_the_holder_text_unless_it_brings_another(self, world: World) -> None:
        granted = await grant(world.store, KEY, "alone")
        await world.store.renew(granted.claim, lease=60.0)
        assert busy(await ask(world.store, KEY)).holder == "alone"
        await world.store.renew(granted.claim, lease=60.0, holder="with a step")
        assert busy(await ask(world.store, KEY)).holder == "with a step"

    async def test_an_expired_claim_that_nobody_took_is_renewed(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=1.0)
        await world.advance(100)
        assert await world.store.renew(granted.claim, lease=60.0) == Renewed(60.0)
        assert isinstance(await ask(world.store, KEY), Busy)

    async def test_a_released_key_is_granted_with_a_higher_token(self, world: World) -> None:
        first = await grant(world.store, KEY)
        assert await world.store.release(first.claim) == Released()
        second = await grant(world.store, KEY)
        assert second.claim.token > first.claim.token

    async def test_the_token_rises_over_releases_publishes_and_takeovers(self, world: World) -> None:
        tokens = []
        for end in ("release", "publish", "expire", "publish", "release"):
            granted = await grant(world.store, KEY, lease=1.0, max_staleness=0)
            tokens.append(granted.claim.token)
            if end == "release":
                await world.store.release(granted.claim)
            elif end == "publish":
                await world.store.publish(granted.claim, a_record())
            await world.advance(2)
        assert tokens == sorted(set(tokens))

    async def test_a_claim_reads_the_entry_again(self, world: World) -> None:
        other = await world.another()
        assert await world.store.lookup(KEY) is None
        published = await publish(other, KEY, a_record("in between"))
        assert await ask(world.store, KEY) == Hit(published.entry)

    async def test_a_hit_leaves_no_claim(self, world: World) -> None:
        await publish(world.store, KEY)
        assert isinstance(await ask(world.store, KEY), Hit)
        assert (await world.store.watch([KEY]))[KEY].busy is None
        await grant(world.store, KEY, max_staleness=0)

    async def test_a_fresh_entry_is_a_hit_while_somebody_refreshes_it(self, world: World) -> None:
        published = await publish(world.store, KEY)
        await grant(world.store, KEY, max_staleness=0)
        assert await ask(await world.another(), KEY) == Hit(published.entry)

    async def test_failures_are_counted_and_told(self, world: World) -> None:
        for count in range(3):
            granted = await grant(world.store, KEY)
            assert (granted.failures, granted.failure) == (count, f"failure {count}" if count else "")
            assert busy(await ask(world.store, KEY)).failures == count
            await world.store.release(granted.claim, failure=f"failure {count + 1}")
            assert (await world.store.watch([KEY]))[KEY].failures == count + 1

    async def test_a_release_without_a_failure_and_a_publish_keep_the_count(self, world: World) -> None:
        await world.store.release((await grant(world.store, KEY)).claim, failure="failed")
        await world.store.release((await grant(world.store, KEY)).claim)
        await publish(world.store, KEY)
        granted = await grant(world.store, KEY, max_staleness=0)
        assert (granted.failures, granted.failure) == (1, "failed")

    async def test_a_dead_holder_is_replaced_at_once(self, world: World) -> None:
        first = await grant(world.store, KEY, "dead")
        second = await grant(await world.another(), KEY, "alive", dead_holder="dead")
        assert second.claim.token > first.claim.token
        assert busy(await ask(world.store, KEY)).holder == "alive"

    async def test_a_dead_holder_must_be_exactly_the_holder(self, world: World) -> None:
        await grant(world.store, KEY, "Dead one")
        for text in ("dead one", "Dead one ", "Dead", "Dead%", ""):
            assert isinstance(await ask(world.store, KEY, dead_holder=text), Busy)

    async def test_one_of_many_is_granted_what_a_dead_holder_held(self, world: World) -> None:
        await grant(world.store, KEY, "dead")
        instances = [world.store, await world.another()] * 4
        answers = await asyncio.gather(*(ask(store, KEY, "new", dead_holder="dead") for store in instances))
        assert sum(isinstance(answer, Granted) for answer in answers) == 1

    async def test_one_of_many_is_granted_an_expired_claim(self, world: World) -> None:
        await grant(world.store, KEY, lease=1.0)
        await world.advance(1)
        instances = [world.store, await world.another()] * 4
        answers = await asyncio.gather(*(ask(store, KEY) for store in instances))
        assert sum(isinstance(answer, Granted) for answer in answers) == 1

    async def test_a_clock_that_jumps_back_prolongs_a_lease_and_no_more(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=60.0)
        await world.advance(-3600)
        assert busy(await ask(world.store, KEY)).lease_left == 3660
        assert await world.store.renew(granted.claim, lease=60.0) == Renewed(60.0)
        assert busy(await ask(world.store, KEY)).lease_left == 60

    async def test_a_clock_that_jumps_forward_costs_no_more_than_a_second_execution(self, world: World) -> None:
        first = await grant(world.store, KEY, lease=60.0)
        await world.advance(10 * 365 * 86400)
        second = await grant(world.store, KEY)
        assert (await world.store.publish(second.claim, a_record("second"))) is not None
        assert not isinstance(await world.store.publish(first.claim, a_record("first")), Hit)
        entry = await world.store.lookup(KEY)
        assert entry is not None
        assert entry.output == "second"
