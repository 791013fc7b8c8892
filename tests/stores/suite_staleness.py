"""Two limits of age, the entry's own and the caller's; and that no stale row stands in the way of its replacement,
as it does in KFP (backend/src/cache/storage/execution_cache_store.go: any existing row makes the insert fail).
"""

from __future__ import annotations

import pytest

from stepcache.stores.claim import Granted, Hit, Published
from tests.stores.world import World, a_key, a_record, ask, busy, grant, publish

KEY = a_key()


class StalenessSuite:
    @pytest.mark.parametrize(
        ("own", "callers", "age", "fresh"),
        [
            (-1, -1, 10_000_000, True),
            (10, -1, 10, True),
            (10, -1, 10.001, False),
            (-1, 10, 10, True),
            (-1, 10, 10.001, False),
            (10, 20, 15, False),
            (20, 10, 15, False),
            (20, 10, 10, True),
            (0, -1, 0, False),
            (-1, 0, 0, False),
            (-1, 0.5, 0.5, True),
            (-1, 0.5, 0.501, False),
            (-5, -7, 1000, True),
        ],
    )
    async def test_an_entry_is_a_hit_within_both_limits(
        self, world: World, own: int, callers: float, age: float, fresh: bool
    ) -> None:
        published = await publish(world.store, KEY, a_record(max_staleness=own))
        await world.advance(age)
        answer = await ask(world.store, KEY, max_staleness=callers)
        if fresh:
            assert isinstance(answer, Hit)
            assert answer.entry.age == age
        else:
            assert isinstance(answer, Granted)
            assert answer.stale is not None
            assert answer.stale.published_by == published.entry.published_by

    async def test_age_is_counted_from_the_claim_and_not_from_the_publish(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=600.0)
        await world.advance(100)
        await world.store.publish(granted.claim, a_record(max_staleness=50))
        assert isinstance(await ask(world.store, KEY), Granted)

    async def test_who_asked_before_the_result_was_old_is_served(self, world: World) -> None:
        granted = await grant(world.store, KEY, lease=600.0)
        await world.advance(100)
        await world.store.publish(granted.claim, a_record(max_staleness=50))
        assert isinstance(await ask(world.store, KEY, asked=50), Hit)
        assert isinstance(await ask(world.store, KEY, asked=49.999, claim_id="1" * 32), Granted)

    async def test_a_limit_of_nothing_refuses_also_who_asked_long_ago(self, world: World) -> None:
        await publish(world.store, KEY)
        assert isinstance(await ask(world.store, KEY, max_staleness=0, asked=100), Granted)

    @pytest.mark.parametrize("own", [5, 0], ids=["stale", "P0D"])
    async def test_a_row_that_nobody_can_use_does_not_block_a_put(self, world: World, own: int) -> None:
        """kfp.md 1.6, defects 4 and 5."""
        first = await world.store.put(KEY, a_record("first", max_staleness=own))
        await world.advance(6)
        second = await (await world.another()).put(KEY, a_record("second"))
        assert (second.stored, second.entry.output, second.entry.id) == (True, "second", first.entry.id)
        assert await ask(world.store, KEY) == Hit(second.entry)

    @pytest.mark.parametrize("own", [5, 0], ids=["stale", "P0D"])
    async def test_a_row_that_nobody_can_use_does_not_block_a_claim(self, world: World, own: int) -> None:
        """kfp.md 1.6, defects 4 and 5."""
        first = await publish(world.store, KEY, a_record("first", max_staleness=own))
        await world.advance(6)
        granted = await grant(await world.another(), KEY)
        answer = await world.store.publish(granted.claim, a_record("second"))
        assert isinstance(answer, Published)
        assert (answer.entry.id, answer.entry.output) == (first.entry.id, "second")
        assert await ask(world.store, KEY) == Hit(answer.entry)

    async def test_a_put_replaces_at_the_entrys_own_limit_exactly(self, world: World) -> None:
        await world.store.put(KEY, a_record("first", max_staleness=5))
        await world.advance(5)
        assert not (await world.store.put(KEY, a_record("second"))).stored
        await world.advance(0.001)
        assert (await world.store.put(KEY, a_record("second"))).stored

    async def test_no_reuse_still_stores(self, world: World) -> None:
        await publish(world.store, KEY, a_record("first"))
        answer = await publish(world.store, KEY, a_record("second"), max_staleness=0)
        assert await ask(world.store, KEY) == Hit(answer.entry)

    async def test_those_who_may_not_reuse_wait_for_each_other(self, world: World) -> None:
        await publish(world.store, KEY)
        await grant(world.store, KEY, "first", max_staleness=0)
        assert busy(await ask(world.store, KEY, max_staleness=0)).holder == "first"
