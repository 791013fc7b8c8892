"""Garbage collection, as ``stores.collection`` promises it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.stores import standing
from stepcache.stores.claim import Granted, Lost
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.opening import FullStore
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.unused import UnusedEntry
from tests.stores.world import EPOCH, World, a_key, a_record, ask, grant, publish

DAY = 86400.0
MONTH = 30 * DAY
RUN = RunRow("run", "pipeline", "SUCCEEDED", "{}", created_at=1.0, finished_at=10.0)
MANY = 1200


def made(
    *digests: str, template: str = "", pipeline: str = "p", component: str = "c", run_id: str = "", size: int = 10
) -> Record:
    return Record(
        "output",
        template,
        description=Description(pipeline=pipeline, component=component, task="t", run_id=run_id),
        artifacts=tuple(ArtifactReference(digest, size) for digest in digests),
    )


async def unused(store: FullStore, **named: Any) -> dict[str, UnusedEntry]:
    """By key, in order."""
    named = {"resting": False, **named}
    return {entry.key: entry for entry in await store.least_used(**named)}


class CollectionSuite:
    async def test_the_least_recently_used_come_first(self, world: World) -> None:
        first, second, third = (a_key(name) for name in ("first", "second", "third"))
        await world.store.put(first, made(a_key("x"), a_key("y")))
        await world.advance(10)
        await world.store.put(second, made())
        await world.advance(10)
        await publish(world.store, third, made(a_key("x"), a_key("x"), pipeline="q"))
        await world.advance(10)
        other = await world.another()
        found = await unused(other)
        assert list(found) == [first, second, third]
        assert [entry.unused_for for entry in found.values()] == [30, 20, 10]
        assert [entry.used_at for entry in found.values()] == [EPOCH * 1000 + 10_000 * n for n in range(3)]
        assert {item.digest for item in found[first].artifacts} == {a_key("x"), a_key("y")}
        assert found[second].artifacts == ()
        assert found[third].artifacts == (ArtifactReference(a_key("x"), 10),)
        assert [(entry.pipeline, entry.component) for entry in found.values()] == [("p", "c")] * 2 + [("q", "c")]
        await world.store.count_hits({first: 1})
        assert list(await unused(other)) == [second, third, first]

    async def test_pages_follow_one_another(self, world: World) -> None:
        keys = [a_key(number) for number in range(7)]
        for number, key in enumerate(keys):
            await world.store.put(key, a_record())
            await world.advance(number % 2)  # some have one moment
        seen: list[str] = []
        place: dict[str, Any] = {}
        while page := await unused(world.store, limit=3, **place):
            seen += page
            place = {"after": list(page.values())[-1].place}
        assert sorted(seen) == sorted(keys)

    async def test_entries_that_rest_on_others_are_told_apart(self, world: World) -> None:
        resting = f'{standing.RESTING_TEMPLATE}"inner"}}'
        await world.store.put(a_key("task"), made(template='{"image": "dag"}'))
        await world.store.put(a_key("dag"), made(template=resting))
        assert list(await unused(world.store)) == [a_key("task")]
        assert list(await unused(world.store, resting=True)) == [a_key("dag")]

    async def test_what_is_collected_is_gone_with_all_that_belongs_to_it(self, world: World) -> None:
        await world.store.put(a_key("one"), made(a_key("x")))
        await world.store.put(a_key("two"), made(a_key("x"), a_key("y")))
        one = (await unused(world.store))[a_key("one")]
        other = await world.another()
        assert list(await other.collect([one])) == [one]
        assert list(await world.store.collect([one])) == []
        assert await world.store.lookup(a_key("one")) is None
        assert await world.store.describe(a_key("one")) is None
        assert await world.store.lookup(a_key("two")) is not None
        assert await world.store.reference_counts([a_key("x")]) == {a_key("x"): 1}
        assert list(await world.store.collect([])) == []

    async def test_what_was_used_or_refreshed_since_is_spared(self, world: World) -> None:
        for name in ("used", "refreshed", "used at once", "left"):
            await world.store.put(a_key(name), a_record())
        looked_at = await unused(world.store)
        await world.store.withdraw(a_key("refreshed"), looked_at[a_key("refreshed")].published_by)
        await world.store.put(a_key("refreshed"), a_record("new"))
        await world.advance(0.001)
        await world.store.count_hits({a_key("used"): 1})
        await standing.touch(world.store, [a_key("used at once")])  # used within the hour: may stay as it is
        gone = await world.store.collect(list(looked_at.values()))
        assert {entry.key for entry in gone} >= {a_key("left")}
        assert {entry.key for entry in gone} <= {a_key("left"), a_key("used at once")}
        entry = await world.store.lookup(a_key("refreshed"))
        assert entry is not None
        assert entry.output == "new"
        assert await world.store.lookup(a_key("used")) is not None

    async def test_a_refresh_in_place_is_spared(self, world: World) -> None:
        await world.store.put(a_key(), a_record())
        looked_at = (await unused(world.store))[a_key()]
        answer = await publish(world.store, a_key(), max_staleness=0)
        assert answer.entry.id == looked_at.id
        assert list(await world.store.collect([looked_at])) == []
        assert await world.store.lookup(a_key()) == answer.entry

    async def test_the_entry_of_a_key_that_is_executed_is_spared(self, world: World) -> None:
        await world.store.put(a_key(), a_record())
        looked_at = list((await unused(world.store)).values())
        granted = await grant(world.store, a_key(), max_staleness=0, lease=60)
        assert list(await world.store.collect(looked_at)) == []
        await world.advance(60)  # nobody is known to execute it now
        assert list(await world.store.collect(looked_at)) == looked_at
        assert not isinstance(await world.store.publish(granted.claim, a_record()), Lost)

    async def test_what_a_released_claim_was_of_is_collected(self, world: World) -> None:
        await world.store.put(a_key(), a_record())
        await world.store.release((await grant(world.store, a_key(), max_staleness=0)).claim)
        looked_at = list((await unused(world.store)).values())
        assert list(await world.store.collect(looked_at)) == looked_at

    async def test_references_are_counted_by_entry(self, world: World) -> None:
        await world.store.put(a_key("one"), made(a_key("x"), a_key("x"), size=3))
        await world.store.put(a_key("two"), made(a_key("x"), a_key("y"), size=3))
        digests = [a_key("x"), a_key("y"), a_key("z"), a_key("x")]
        assert await world.store.reference_counts(digests) == {a_key("x"): 2, a_key("y"): 1}
        assert await world.store.reference_counts([]) == {}
        assert await world.store.referenced_size() == 6
        many = [a_key(number) for number in range(MANY)]
        assert await world.store.reference_counts([*many, a_key("y")]) == {a_key("y"): 1}
        with pytest.raises(InputError):
            await world.store.reference_counts(["' OR 1=1 --"])

    async def test_an_empty_store_refers_to_nothing(self, world: World) -> None:
        assert await world.store.referenced_size() == 0
        assert list(await world.store.least_used(resting=False)) == []
        assert list(await world.store.stored_outputs()) == []
        assert await world.store.collect_details() == 0

    async def test_outputs_are_read_in_order(self, world: World) -> None:
        for name in ("one", "two", "three"):
            await world.store.put(a_key(name), replace(made(), output=name))
        first = await world.store.stored_outputs(limit=2)
        rest = await world.store.stored_outputs(after=first[-1].id)
        assert [one.output for one in (*first, *rest)] == ["one", "two", "three"]
        assert [(one.key, one.pipeline, one.component, one.task) for one in rest] == [
            (a_key("three"), "p", "c", "t")
        ]
        entry = await world.store.lookup(a_key("one"))
        assert entry is not None
        assert (first[0].id, first[0].published_by) == (entry.id, entry.published_by)

    async def test_claims_that_were_given_back_long_ago_are_collected(self, world: World) -> None:
        await publish(world.store, a_key("published"))
        failed = await grant(world.store, a_key("failed"))
        await world.store.release(failed.claim, failure="failed")
        await grant(world.store, a_key("expired"), lease=60)
        await world.advance(60)
        held = await grant(world.store, a_key("held"), lease=2 * MONTH)
        await world.advance(MONTH)
        assert await world.store.unused_claims(MONTH) == 2  # the expired one ran out a month ago, not longer
        assert await world.store.collect_claims(MONTH) == 2
        await world.advance(0.001)
        assert await (await world.another()).collect_claims(MONTH) == 1
        assert await world.store.collect_claims(MONTH) == await world.store.unused_claims(MONTH) == 0
        assert not isinstance(await world.store.renew(held.claim, lease=60), Lost)
        granted = await grant(world.store, a_key("failed"))
        assert (granted.claim.token, granted.failures) == (1, 0)

    async def test_a_holder_whose_claim_was_collected_changes_nothing(self, world: World) -> None:
        old = await grant(world.store, a_key(), lease=60)
        await world.advance(60 + MONTH + 0.001)
        assert await world.store.collect_claims(MONTH) == 1
        assert await world.store.publish(old.claim, a_record()) == Lost()
        new = await grant(world.store, a_key())
        assert new.claim.token == old.claim.token  # the token begins again: the random ID tells them apart
        for answer in (
            await world.store.publish(old.claim, a_record()),
            await world.store.renew(old.claim, lease=60),
            await world.store.release(old.claim),
        ):
            assert answer == Lost()
        assert isinstance(await ask(world.store, a_key(), claim_id=new.claim.claim_id), Granted)

    async def test_many_claims_are_collected(self, world: World) -> None:
        for number in range(MANY):
            claim = (await grant(world.store, a_key(number))).claim
            await world.store.release(claim)
        await world.advance(1)
        assert await world.store.unused_claims(0.5) == MANY
        assert await world.store.collect_claims(0.5) == MANY

    async def test_old_runs_are_collected_with_their_tasks(self, world: World) -> None:
        await world.store.save_run(RUN)
        await world.store.save_run(replace(RUN, run_id="young", finished_at=100.0))
        await world.store.save_tasks(
            [TaskRow("run", "task", 0, "SUCCEEDED"), TaskRow("young", "task", 0, "SUCCEEDED")]
        )
        assert await world.store.ended_runs(before=100.0) == {"run": 0}
        assert list(await world.store.collect_runs(["run", "young", "unknown"], before=100.0)) == ["run"]
        assert await (await world.another()).run("run") is None
        assert list(await world.store.tasks("run")) == []
        assert len(await world.store.tasks("young")) == 1
        assert list(await world.store.collect_runs([], before=100.0)) == []

    @pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELING"])
    async def test_a_run_that_goes_on_is_spared(self, world: World, state: str) -> None:
        await world.store.save_run(replace(RUN, state=state, finished_at=0.0))
        assert await world.store.ended_runs(before=100.0) == {}
        assert list(await world.store.collect_runs(["run"], before=100.0)) == []
        assert await world.store.run("run") is not None

    async def test_runs_are_told_with_the_entries_that_are_from_them(self, world: World) -> None:
        for name in ("a", "run", "z"):
            await world.store.save_run(replace(RUN, run_id=name))
        for name in ("one", "two"):
            await world.store.put(a_key(name), made(run_id="run"))
        found = await world.store.ended_runs(before=100.0)
        assert list(found.items()) == [("a", 0), ("run", 2), ("z", 0)]
        assert await world.store.ended_runs(before=100.0, limit=2) == {"a": 0, "run": 2}
        assert await world.store.ended_runs(before=100.0, after="run") == {"z": 0}
        assert {entry.run_id for entry in (await unused(world.store)).values()} == {"run"}
        await world.store.invalidate(a_key("one"))
        assert (await world.store.ended_runs(before=100.0))["run"] == 1

    async def test_what_rests_on_others_keeps_them_in_use(self, world: World) -> None:
        """However often it is used itself: their mark is never more than an hour older than the moment of a use."""
        task = await world.store.put(a_key("task"), a_record())
        await world.store.put(a_key("dag"), made(template=standing.RESTING_TEMPLATE))
        for _ in range(5):
            await world.advance(1800)
            told = await standing.stand(world.store, {a_key("task"): task.entry.published_by})
            if told is standing.Standing.UNUSED:
                await standing.touch(world.store, [a_key("task")])
            await world.store.count_hits({a_key("dag"): 1})
            entry = (await unused(world.store))[a_key("task")]
            assert entry.unused_for <= standing.USED_WITHIN
