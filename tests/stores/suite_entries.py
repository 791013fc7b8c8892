"""At most one row per key (protocol.md, P1), and what a row keeps."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stepcache.errors import InputError
from stepcache.stores.claim import Hit, Published
from stepcache.stores.entry import ArtifactReference, Description, Entry, Record
from tests.stores.world import EPOCH, World, a_key, a_record, ask, described, grant, publish

KEY = a_key()


class EntrySuite:
    async def test_an_unknown_key_has_no_entry(self, world: World) -> None:
        assert await world.store.lookup(KEY) is None
        assert await world.store.describe(KEY) is None

    async def test_what_is_published_is_read_by_everyone(self, world: World) -> None:
        other = await world.another()
        assert await other.lookup(KEY) is None
        granted = await grant(world.store, KEY)
        await world.advance(2.5)
        answer = await world.store.publish(granted.claim, a_record("output", template="template", max_staleness=7))
        expected = Entry(
            key=KEY,
            id=1,
            output="output",
            max_staleness=7,
            started_at=EPOCH,
            ended_at=EPOCH + 2,
            age=2.5,
            published_by=granted.claim.claim_id,
        )
        assert isinstance(answer, Published)
        assert replace(answer.entry, id=1) == expected
        assert await other.lookup(KEY) == answer.entry
        await world.advance(1)
        assert await other.lookup(KEY) == replace(answer.entry, age=3.5)

    async def test_an_entry_tells_how_long_its_execution_took(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        answer = await world.store.publish(granted.claim, a_record(description=Description(duration=1.5)))
        entry, asked = await world.store.lookup(KEY), await ask(world.store, KEY)
        assert isinstance(answer, Published)
        assert isinstance(asked, Hit)
        assert entry is not None
        assert [answer.entry.duration, entry.duration, asked.entry.duration] == [1.5, 1.5, 1.5]

    async def test_any_text_comes_back_as_it_was(self, world: World) -> None:
        for number, text in enumerate(("", "{}", "ä\U0001f600\n\r\t '\"\\;--%", "x" * 3_000_000)):
            key = a_key(number)
            await world.store.put(key, Record(text, template=text, description=Description(parts=text)))
            entry, description = await world.store.lookup(key), await world.store.describe(key)
            assert entry is not None
            assert description is not None
            assert (entry.output, description.parts) == (text, text)

    @pytest.mark.parametrize("record", [a_record("\ud800"), a_record(max_staleness=2**63)], ids=["text", "number"])
    async def test_what_cannot_be_stored_is_refused_and_leaves_nothing(self, world: World, record: Record) -> None:
        granted = await grant(world.store, KEY)
        with pytest.raises(InputError, match="cannot be stored"):
            await world.store.publish(granted.claim, record)
        with pytest.raises(InputError, match="cannot be stored"):
            await world.store.put(KEY, record)
        assert await world.store.lookup(KEY) is None
        assert isinstance(await world.store.publish(granted.claim, a_record("good")), Published)

    async def test_the_description_belongs_to_the_result_that_stands(self, world: World) -> None:
        first = Description("namespace", "pipeline", "component", "task", "run", 1.5, '{"a": 1}')
        await publish(world.store, KEY, Record("1", description=first, artifacts=(ArtifactReference("a" * 64, 1),)))
        assert await world.store.describe(KEY) == first
        await publish(world.store, KEY, described("2", "other"), max_staleness=0)
        description = await world.store.describe(KEY)
        assert description is not None
        assert description.task == "other"

    async def test_the_same_artifact_may_be_named_twice(self, world: World) -> None:
        twice = (ArtifactReference("a" * 64, 1), ArtifactReference("a" * 64, 1))
        await world.store.put(KEY, Record("output", artifacts=twice))
        assert await world.store.lookup(KEY) is not None

    async def test_put_stores_and_answers_the_entry(self, world: World) -> None:
        answer = await world.store.put(KEY, a_record("put"))
        assert answer.stored
        assert (answer.entry.output, answer.entry.started_at, answer.entry.age) == ("put", EPOCH, 0)
        assert answer.entry.published_by
        assert await world.store.lookup(KEY) == answer.entry

    async def test_put_lets_a_fresh_entry_stand_and_answers_it(self, world: World) -> None:
        published = await publish(world.store, KEY, a_record("published"))
        answer = await (await world.another()).put(KEY, a_record("put"))
        assert (answer.stored, answer.entry) == (False, published.entry)
        assert await world.store.lookup(KEY) == published.entry

    async def test_repeating_a_put_answers_the_entry_and_stores_once(self, world: World) -> None:
        first = await world.store.put(KEY, a_record("put"))
        again = await world.store.put(KEY, a_record("put"))
        assert (again.stored, again.entry) == (False, first.entry)

    async def test_a_put_does_not_disturb_a_holder(self, world: World) -> None:
        granted = await grant(world.store, KEY)
        put = await world.store.put(KEY, a_record("put"))
        answer = await world.store.publish(granted.claim, a_record("published"))
        assert isinstance(answer, Published)
        assert (answer.entry.id, answer.entry.output) == (put.entry.id, "published")

    async def test_many_puts_at_once_leave_one_row(self, world: World) -> None:
        instances = [world.store, *[await world.another() for _ in range(3)]] * 3
        keys = [a_key(number) for number in range(4)]
        puts = await asyncio.gather(
            *(store.put(key, a_record(f"{number}")) for key in keys for number, store in enumerate(instances))
        )
        assert await world.store.duplicates() == []
        assert sum(put.stored for put in puts) == len(keys)
        for key in keys:
            entry = await world.store.lookup(key)
            assert {put.entry for put in puts if put.entry.key == key} == {entry}

    async def test_puts_and_publishes_at_once_leave_one_row(self, world: World) -> None:
        other = await world.another()
        for number in range(5):
            key = a_key(number)
            granted = await grant(world.store, key)
            put, published = await asyncio.gather(
                other.put(key, a_record("put")), world.store.publish(granted.claim, a_record("published"))
            )
            assert isinstance(published, Published)
            assert put.entry.id == published.entry.id
            entry = await world.store.lookup(key)
            assert entry is not None
            assert entry.output == "published"
        assert await world.store.duplicates() == []

    async def test_a_refresh_is_made_in_place(self, world: World) -> None:
        first = await publish(world.store, KEY, a_record("first"))
        await world.advance(10)
        second = await publish(await world.another(), KEY, a_record("second", max_staleness=5), max_staleness=0)
        assert second.entry.id == first.entry.id
        assert (second.entry.output, second.entry.max_staleness) == ("second", 5)
        assert (second.entry.started_at, second.entry.age) == (EPOCH + 10, 0)
        assert second.entry.published_by != first.entry.published_by

    async def test_the_old_entry_stays_until_the_new_one_is_published(self, world: World) -> None:
        first = await publish(world.store, KEY, a_record("first"))
        granted = await grant(world.store, KEY, max_staleness=0)
        assert granted.stale == first.entry
        assert await world.store.lookup(KEY) == first.entry
        await world.store.release(granted.claim, failure="failed")
        assert await world.store.lookup(KEY) == first.entry

    async def test_ids_are_never_given_twice(self, world: World) -> None:
        first = (await publish(world.store, KEY)).entry
        assert await world.store.withdraw(KEY, first.published_by)
        assert (await publish(world.store, KEY)).entry.id > first.id

    async def test_hits_are_counted_for_entries_and_passed_over_for_others(self, world: World) -> None:
        published = await publish(world.store, KEY)
        await world.store.count_hits({KEY: 2, a_key("unknown"): 1})
        await world.store.count_hits({})
        assert await world.store.lookup(KEY) == published.entry
        assert await world.store.lookup(a_key("unknown")) is None
