"""What is collected, in which order, and what never is."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Reused
from stepcache.cache.retention.collector import Limits
from stepcache.cache.retention.freed import Share
from stepcache.cache.ticket import Ticket
from stepcache.errors import InputError, StoreUnavailableError
from stepcache.stores.memory import MemoryStore
from stepcache.stores.unused import UnusedEntry
from tests.artifacts.trees import grow
from tests.cache.caches import a_key
from tests.cache.retention.world import DAY, Interrupted, Retained

LEFT = "left"


@pytest.fixture
def world(tmp_path: Path) -> Retained:
    return Retained(tmp_path)


async def test_entries_go_by_age_and_their_artifacts_with_them(world: Retained) -> None:
    (old,) = await world.publish("old", b"old")
    world.advance(20 * DAY)
    (used,) = await world.publish("used", b"used")
    world.advance(20 * DAY)
    await world.store.count_hits({a_key("used"): 1})
    (young,) = await world.publish("young", b"young")
    world.advance(1)
    collector = await world.collect(older_than=30 * DAY)
    assert await world.left("old", "used", "young") == ["used", "young"]
    assert world.has(old, used, young) == [False, True, True]
    assert collector.freed.shares() == [Share("pipeline", "component", 1, 1, 3)]
    assert list((world.root / "scratch").iterdir()) == []
    assert not (world.root / "proofs" / old.digest[:2] / old.digest).exists()


async def test_entries_go_by_size_least_recently_used_first(world: Retained) -> None:
    kept = {}
    for number in range(6):
        kept[f"{number}"] = (await world.publish(f"{number}", bytes([number]) * 100))[0]
        await world.publish(f"without {number}")
        world.advance(60)
    await world.store.count_hits({a_key("0"): 1})
    world.advance(60)
    collector = await world.collect(max_size=250)
    assert await world.left(*kept) == ["0", "5"]
    assert await world.left(*(f"without {number}" for number in range(6))) == [f"without {n}" for n in range(6)]
    assert await world.store.referenced_size() == 200
    assert collector.freed.total == Share("", "", 4, 4, 400)
    assert world.has(*kept.values()) == [True, False, False, False, False, True]


async def test_a_shared_artifact_goes_with_its_last_entry(world: Retained) -> None:
    (shared,) = await world.publish("first", b"shared", component="first")
    world.advance(10)
    await world.publish("second", b"shared", component="second")
    world.advance(10)
    await world.publish("third", b"third")
    world.advance(10)
    collector = await world.collect(older_than=25)
    assert await world.left("first", "second") == ["second"]
    assert world.has(shared) == [True]
    assert collector.freed.total == Share("", "", 1, 0, 0)
    collector = await world.collect(max_size=5)
    assert await world.left("second", "third") == ["third"]
    assert world.has(shared) == [False]
    assert collector.freed.shares() == [Share("pipeline", "second", 1, 1, 6)]


async def test_files_and_directories_go(world: Retained, tmp_path: Path) -> None:
    engine = world.engine()
    tree = engine.ingest(grow(tmp_path / "tree", {"a": "a", "b": {"c": "cc"}}))
    await world.publish("tree", tree, b"file", artifacts=engine)
    engine.close()
    assert tree.kind is Kind.DIRECTORY
    world.advance(10)
    collector = await world.collect(older_than=5)
    assert world.objects() == set()
    assert collector.freed.total == Share("", "", 1, 2, tree.size + 4)


async def test_without_limits_only_what_nobody_refers_to_goes(world: Retained) -> None:
    (kept,) = await world.publish("entry", b"kept")
    engine = world.engine()
    stray = engine.ingest_bytes(b"never published")
    engine.close()
    world.advance(1000 * DAY)
    collector = await world.collect()
    assert await world.left("entry") == ["entry"]
    assert world.has(kept, stray) == [True, False]
    assert collector.freed.unreferenced == Share("", "", 0, 1, stray.size)
    assert collector.freed.shares() == []


async def test_what_nobody_refers_to_stays_for_a_day(world: Retained) -> None:
    engine = world.engine()
    stray = engine.ingest_bytes(b"never published")
    (gone,) = await world.publish("entry", b"collected now")
    engine.close()
    world.advance(10)
    await world.collect(older_than=5, stray_age=DAY)
    assert world.has(stray, gone) == [True, False]


async def test_what_is_no_object_stays(world: Retained) -> None:
    strange = [world.root / "objects" / "ab" / name for name in ("README", "ab" * 31, f"{'ab' * 32}.tmp")]
    strange[0].parent.mkdir(parents=True)
    for path in strange:
        path.touch()
    (world.root / "objects" / "lost+found").mkdir()
    await world.collect()
    assert all(path.exists() for path in strange)


async def test_a_dry_run_tells_the_same_and_changes_nothing(world: Retained) -> None:
    for number in range(5):
        await world.publish(f"{number}", bytes([number]) * 100, b"shared", component=f"{number % 2}")
        world.advance(60)
    engine = world.engine()
    engine.ingest_bytes(b"stray")
    engine.close()

    def files() -> dict[str, float]:
        return {str(path): path.lstat().st_ctime for path in world.root.rglob("*")}

    before = files()
    reader = LocalArtifactStore.open(world.root, world.artifacts.identity, read_only=True)
    dry = await world.collect(150, 120, artifacts=reader.collection(), dry_run=True, stray_age=-60.0)
    assert files() == before
    assert await world.left(*"01234") == list("01234")
    wet = await world.collect(150, 120)
    assert dry.freed == wet.freed
    assert dry.freed.total == Share("", "", 4, 5, 405)
    assert dry.kept == wet.kept == await world.store.referenced_size() == 106


async def test_what_a_live_process_relies_on_stays(world: Retained) -> None:
    engine = world.engine()
    made = engine.ingest_bytes(b"not published yet")
    (hit,) = await world.publish("hit", b"hit")
    async with world.cache(engine) as cache:
        world.advance(100 * DAY)
        assert await cache.reuse(Ticket(a_key("hit"))) is not None
        collector = await world.collect(older_than=30 * DAY)
        assert await world.left("hit") == []  # the hit is not written yet: harmless, as the output is pinned
        assert world.has(made, hit) == [True, True]
        assert collector.freed.in_use == 2
        await world.publish("made", made, artifacts=engine)
    engine.close()
    await world.collect()
    assert world.has(made, hit) == [True, False]


async def test_an_entry_that_was_hit_a_moment_ago_is_not_collected(world: Retained) -> None:
    await world.publish("hit", b"hit")
    world.advance(100 * DAY)
    async with world.cache() as cache:
        assert await cache.reuse(Ticket(a_key("hit"))) is not None
    await world.collect(older_than=DAY, max_size=0)
    assert await world.left("hit") == ["hit"]


async def test_what_is_used_while_it_is_collected_stays(world: Retained) -> None:
    """The deletion is conditional on what was looked at; and then something else has to make room."""
    for name in ("first", "second", "third"):
        await world.publish(name, name.encode() * 20)
        world.advance(60)
    collect = world.store.collect

    async def overtaken(entries: Any) -> Any:
        await world.store.count_hits({a_key("first"): 1})
        return await collect(entries)

    world.store.collect = overtaken  # type: ignore[method-assign]
    await world.collect(older_than=90)
    assert await world.left("first", "second", "third") == ["first", "third"]
    assert len(world.objects()) == 2


async def test_the_entry_of_a_key_that_is_executed_stays(world: Retained) -> None:
    (artifact,) = await world.publish("entry", b"being refreshed")
    world.advance(100 * DAY)
    granted = await world.store.claim(a_key("entry"), "c" * 32, holder="", lease=60, max_staleness=0)
    await world.collect(older_than=DAY, max_size=0)
    assert await world.left("entry") == ["entry"]
    assert world.has(artifact) == [True]
    await world.store.release(granted.claim)  # type: ignore[union-attr]
    await world.collect(older_than=DAY)
    assert await world.left("entry") == []


async def test_entries_that_rest_on_others_go_first(world: Retained) -> None:
    """They are marked as used by the minute, and what they rest on by the hour."""
    for name in ("one", "two"):
        await world.publish(name, name.encode())
    await world.publish("dag", rests_on=["one", "two"])
    for _ in range(4):  # in use, every half hour
        world.advance(1800)
        async with world.cache() as cache:
            peeked = await cache.peek(Ticket(a_key("dag")))
            assert isinstance(peeked, Reused)
            cache.count(peeked)
    for seconds in range(0, 4 * 3600, 600):
        world.advance(600)
        await world.collect(older_than=5400 + seconds % 5)
        standing = await world.left("one", "two", "dag")
        assert "dag" not in standing or standing == ["one", "two", "dag"]
    assert await world.left("one", "two", "dag") == []


async def test_a_new_entry_keeps_what_it_rests_on_in_use(world: Retained) -> None:
    """A run may last for days: its first tasks are long unused when the pipeline around them is stored."""
    await world.publish("one", b"one")
    world.advance(10 * DAY)
    async with world.cache() as cache:
        entry = await world.store.lookup(a_key("one"))
        assert entry is not None
        await world.publish("dag", rests_on=["one"])
        stored = world.state.entries[a_key("dag")].record
        await cache.replace(a_key("dag"), stored, [a_key("one")])
    await world.collect(older_than=DAY)
    assert await world.left("one", "dag") == ["one", "dag"]


@pytest.mark.parametrize("step", ["closed", "users", "take out", "opened", "deleted"])
async def test_an_output_that_is_collected_is_never_relied_on(world: Retained, step: str) -> None:
    """At each step of a collection, a hit: either the output stays, or it is found to be missing."""
    (artifact,) = await world.publish("entry", b"output")
    entry = await world.store.lookup(a_key("entry"))
    assert entry is not None
    world.advance(10 * DAY)
    interrupted, engine = Interrupted(world.artifacts), world.engine()
    answers: list[Any] = []
    has_come_so_far = threading.Event()
    pin = engine.pin

    def told(artifacts: Any, *, wait: bool = True) -> bool:
        is_pinned = pin(artifacts, wait=wait)
        if not is_pinned:
            has_come_so_far.set()  # it waits for the gate
        return is_pinned

    engine.pin = told  # type: ignore[method-assign]

    async def examine() -> None:
        async with world.cache(engine) as cache:
            # The entry was looked up before it was collected.
            answers.append(await cache.examine(Ticket(a_key("entry")), entry))

    def run() -> None:
        asyncio.run(examine())
        has_come_so_far.set()

    other = threading.Thread(target=run)

    def hit(name: str) -> None:
        if name == step and other.ident is None:
            other.start()
            assert has_come_so_far.wait(20)

    interrupted.before = hit
    await world.collect(older_than=DAY, artifacts=interrupted)
    other.join()
    assert isinstance(answers[0], Reused) == (step == "closed")
    assert world.has(artifact) == [step == "closed"]
    await world.collect()
    assert world.has(artifact) == [step == "closed"]


@pytest.mark.parametrize("step", ["closed", "users", "take out", "opened", "deleted"])
async def test_an_output_that_is_published_meanwhile_stays(world: Retained, step: str) -> None:
    """At each step of a collection, an engine that has made the same output publishes it, and ends."""
    engine = world.engine()
    artifact = engine.ingest_bytes(b"output")
    interrupted = Interrupted(world.artifacts)
    other = Retained.engine(world)
    other.ingest_bytes(b"nobody's")
    other.close()  # so that there is something to take out
    done: list[str] = []

    def publish(name: str) -> None:
        if name == step and not done:
            done.append(name)
            run_now(world.publish("entry", artifact, artifacts=engine))
            engine.close()

    interrupted.before = publish
    collector = await world.collect(artifacts=interrupted)
    assert done
    assert collector.freed.unreferenced.artifacts == 1
    assert world.has(artifact) == [True]
    await world.collect()
    assert world.has(artifact) == [True]


def run_now(coroutine: Any) -> None:
    """To its end: a store in memory waits for nothing."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def test_two_collections_at_once_do_the_work_of_one(world: Retained) -> None:
    for number in range(300):
        await world.publish(f"{number}", b"%d" % number)
    world.advance(DAY)
    first, second = await asyncio.gather(world.collect(older_than=10), world.collect(older_than=10))
    total = (first.freed.total, second.freed.total)
    assert sum(share.entries for share in total) == sum(share.artifacts for share in total) == 300
    assert world.objects() == set()


async def test_another_store_with_the_same_artifacts_is_asked(world: Retained) -> None:
    other = MemoryStore()
    world.artifacts.register("other", "sqlite:///other.db")
    (shared,) = await world.publish("entry", b"shared")
    (theirs,) = await world.publish("entry", b"theirs", store=other)
    await world.publish("shared", b"shared", store=other)
    world.advance(10)
    with pytest.raises(InputError, match=r"other\.db") as caught:
        await world.collect(older_than=5)
    assert "--also-store" in caught.value.remedy
    assert str(world.root / "users" / "other") in caught.value.remedy
    assert world.has(shared, theirs) == [True, True]
    collector = await world.collect(older_than=5, others={"other": other})
    assert world.has(shared, theirs) == [True, True]
    assert collector.freed.in_use == 0
    (world.root / "users" / "other").unlink()
    await world.collect()
    assert world.has(shared, theirs) == [False, False]


async def test_a_store_that_came_meanwhile_is_noticed(world: Retained) -> None:
    other = MemoryStore()
    interrupted = Interrupted(world.artifacts)
    engine = world.engine()
    theirs = engine.ingest_bytes(b"theirs")

    def come(name: str) -> None:
        if name == "closed":
            engine.register("other", "sqlite:///other.db")
            run_now(world.publish("entry", theirs, artifacts=engine, store=other))
            engine.close()

    interrupted.before = come
    with pytest.raises(InputError):
        await world.collect(artifacts=interrupted)
    assert world.has(theirs) == [True]


async def test_a_store_that_does_not_answer_does_not_keep_the_gate_closed(
    world: Retained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepcache.cache.retention.collector._GATE_PATIENCE", 0.01)
    await world.publish("entry", b"output")
    world.advance(10)
    counts, asked = world.store.reference_counts, 0

    async def silent(digests: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 2:  # of the entries, and of the page
            await asyncio.Event().wait()
        return await counts(digests)

    monkeypatch.setattr(world.store, "reference_counts", silent)
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        await world.collect(older_than=5)
    assert world.engine().pin([Artifact("1" * 64, 1)], wait=False)


async def test_leftovers_are_swept(world: Retained) -> None:
    (kept,) = await world.publish("entry", b"kept")
    assert world.has(kept) == [True]
    proofs = world.root / "proofs"
    gone = "3" * 64
    (proofs / "33").mkdir(exist_ok=True, parents=True)
    (proofs / "33" / gone).write_text("")
    (proofs / "33" / f"{gone}.0123").write_text("")
    (proofs / "moment.0123").write_text("")
    collection = world.artifacts.collection()
    assert collection.sweep_proofs() == 1
    for path in (proofs / "33" / f"{gone}.0123", proofs / "moment.0123"):
        os.utime(path, times=(0, 0))
    assert collection.sweep_proofs() == 2
    assert [path.name for path in proofs.glob("*/*")] in ([kept.digest], [])


@given(
    ages=st.lists(st.tuples(st.integers(0, 40), st.sets(st.integers(0, 5), max_size=3)), max_size=8),
    older_than=st.none() | st.integers(0, 40),
    max_size=st.none() | st.integers(0, 700),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_collection_is_that_of_a_simple_model(
    tmp_path_factory: pytest.TempPathFactory,
    ages: list[tuple[int, set[int]]],
    older_than: int | None,
    max_size: int | None,
) -> None:
    asyncio.run(_as_the_model(Retained(tmp_path_factory.mktemp("world")), ages, older_than, max_size))


async def _as_the_model(
    world: Retained, ages: list[tuple[int, set[int]]], older_than: int | None, max_size: int | None
) -> None:
    """``ages``: of each entry, in days, and the numbers of its artifacts, each of 100 bytes."""
    order = sorted(range(len(ages)), key=lambda number: (-ages[number][0], number))
    now = 50
    for number in order:
        age, contents = ages[number]
        world.advance((now - age - 1) * DAY)
        now = age + 1
        await world.publish(f"{number}", *(bytes([content]) * 100 for content in sorted(contents)))
    world.advance((now + 1) * DAY)  # every entry is two days older than it says
    left = list(order)

    def size() -> int:
        return 100 * len(set().union(*(ages[number][1] for number in left)))

    for number in order:
        if older_than is not None and ages[number][0] + 2 > older_than:
            left.remove(number)
        elif max_size is not None and size() > max_size:
            if ages[number][1]:
                left.remove(number)
        else:
            break
    await world.collect(None if older_than is None else older_than * DAY, max_size)
    names = [f"{number}" for number in range(len(ages))]
    assert await world.left(*names) == [f"{number}" for number in sorted(left)]
    assert len(world.objects()) * 100 == size() == await world.store.referenced_size()


async def test_many_pages_are_collected(world: Retained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepcache.cache.retention.unused._PAGE", 3)
    monkeypatch.setattr("stepcache.cache.retention.collector._BATCH", 2)
    for number in range(20):
        await world.publish(f"{number}", b"%d" % number, rests_on=["0"] if number % 3 == 1 else [])
        world.advance(4000)
    looked_at: list[UnusedEntry] = []
    collect = world.store.collect

    async def noted(entries: Any) -> Any:
        looked_at.extend(entries)
        return await collect(entries)

    monkeypatch.setattr(world.store, "collect", noted)
    collector = world.collector()
    await collector.collect_entries(Limits(older_than=10 * 4000 + 1))
    names = [name for entry in looked_at for name in map(str, range(20)) if entry.key == a_key(name)]
    assert names == [f"{number}" for number in range(11)]  # the last rests on another, and counts as an hour older
