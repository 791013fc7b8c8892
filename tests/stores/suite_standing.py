"""What entries that rest on others ask of a store (``stores.standing``), by its methods or by the contract's."""

from __future__ import annotations

from collections.abc import Mapping

from stepcache.stores import standing
from stepcache.stores.contract import Store
from stepcache.stores.standing import Standing
from tests.stores.world import World, a_key, a_record, publish

MANY = [a_key(number) for number in range(700)]


async def stand(store: Store, entries: Mapping[str, str]) -> bool:
    return await standing.stand(store, entries) is not Standing.FALLEN


class StandingSuite:
    async def test_entries_stand_until_one_is_replaced_or_gone(self, world: World) -> None:
        first = await publish(world.store, a_key("first"))
        put = await world.store.put(a_key("put"), a_record())
        entries = {a_key("first"): first.entry.published_by, a_key("put"): put.entry.published_by}
        other = await world.another()
        assert await stand(other, {})
        assert await stand(other, entries)
        assert not await stand(other, {**entries, a_key("unknown"): "somebody"})
        assert not await stand(other, {**entries, a_key("put"): "somebody"})
        await publish(other, a_key("first"), max_staleness=0)
        assert not await stand(world.store, entries)
        assert await stand(world.store, {a_key("put"): put.entry.published_by})
        await other.invalidate(a_key("put"))
        assert not await stand(world.store, {a_key("put"): put.entry.published_by})

    async def test_many_entries_stand(self, world: World) -> None:
        entries = {key: (await world.store.put(key, a_record())).entry.published_by for key in MANY}
        assert await stand(world.store, entries)
        await world.store.invalidate(MANY[-1])
        assert not await stand(world.store, entries)

    async def test_what_was_not_used_for_long_is_told(self, world: World) -> None:
        entries = {key: (await world.store.put(key, a_record())).entry.published_by for key in MANY[:3]}
        await world.advance(standing.USED_WITHIN + 1)
        await world.store.count_hits({MANY[0]: 1, MANY[2]: 1})
        assert await standing.stand(world.store, entries) is Standing.UNUSED

    async def test_what_is_not_there_is_not_touched(self, world: World) -> None:
        await standing.touch(world.store, [a_key("others")])
        assert await world.store.lookup(a_key("others")) is None
