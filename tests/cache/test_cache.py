"""Look-up, claim, verification and reasons."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from stepcache.artifacts.artifact import Artifact
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding, Reused
from stepcache.cache.output import Output
from stepcache.cache.reason import Reason
from stepcache.cache.ticket import Ticket
from stepcache.errors import ArtifactStoreUnavailableError, StoreUnavailableError
from stepcache.stores.claim import Lost
from stepcache.stores.contract import Store
from stepcache.stores.entry import Record
from tests.cache.caches import a_key, busy, counts, holding, publish, record, until

KEY = a_key()


async def test_a_key_is_executed_once_and_then_reused(cache: Cache, other: Cache) -> None:
    ticket = Ticket(KEY)
    assert await cache.reuse(ticket) is None
    held = holding(await cache.attempt(ticket))
    assert held.reason is Reason.FIRST_SEEN
    assert busy(await other.attempt(Ticket(KEY))).claim_id == held.claim.claim_id
    await held.publish(record({"a": 1}))
    for reused in (await other.reuse(Ticket(KEY)), await other.attempt(Ticket(KEY))):
        assert isinstance(reused, Reused)
        assert reused.output.value == {"a": 1}
        assert not reused.shared


async def test_those_who_wait_are_told_who_executes_on_whose_behalf(cache: Cache, other: Cache) -> None:
    from stepcache.cache.holder import Holder

    await cache.attempt(Ticket(KEY, label="run 1, train"))
    assert Holder.parse(busy(await other.attempt(Ticket(KEY))).holder).label == "run 1, train"


async def test_a_refresh_replaces_the_entry_in_place(cache: Cache) -> None:
    first = await publish(cache, KEY, 1)
    ticket = Ticket(KEY, max_staleness=0)
    assert await cache.reuse(ticket) is None
    held = holding(await cache.attempt(ticket))
    assert held.reason is Reason.REFRESHED
    await held.publish(record(2))
    reused = await cache.reuse(Ticket(KEY))
    assert reused is not None
    assert (reused.output.value, reused.entry.id) == (2, first.entry.id)


async def test_a_stale_entry_is_executed_anew_and_stays_readable_meanwhile(cache: Cache) -> None:
    held = holding(await cache.attempt(Ticket(KEY)))
    await held.publish(Record(output=Output(1).to_text(), max_staleness=0))
    held = holding(await cache.attempt(Ticket(KEY)))
    assert held.reason is Reason.STALE
    assert await cache.store.lookup(KEY) is not None
    await held.publish(record(2))
    assert isinstance(await cache.attempt(Ticket(KEY)), Reused)


def alter(path: Path) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def delete(path: Path) -> None:
    path.parent.chmod(0o700)
    path.unlink()


DAMAGES = [(alter, Reason.OUTPUT_ALTERED), (truncate, Reason.OUTPUT_ALTERED), (delete, Reason.OUTPUT_MISSING)]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
@pytest.mark.parametrize("first", ["reuse", "attempt"])
async def test_a_damaged_output_is_withdrawn_and_executed_anew(
    cache: Cache, artifacts: LocalArtifactStore, damage: Any, reason: Reason, first: str
) -> None:
    intact, damaged = artifacts.ingest_bytes(b"intact"), artifacts.ingest_bytes(b"damaged")
    output = Output("model", (intact, damaged))
    await publish(cache, KEY, output=output)
    damage(artifacts.path(damaged))
    ticket = Ticket(KEY)
    if first == "reuse":
        assert await cache.reuse(ticket) is None
        assert await cache.store.lookup(KEY) is None
    held = holding(await cache.attempt(ticket))
    assert held.reason is reason
    assert artifacts.ingest_bytes(b"damaged") == damaged
    await held.publish(record(output=output))
    reused = await cache.reuse(Ticket(KEY))
    assert reused is not None
    assert [artifacts.path(item).read_bytes() for item in reused.output.artifacts] == [b"intact", b"damaged"]


async def test_another_process_finds_the_damage_too(
    cache: Cache, store: Store, artifacts: LocalArtifactStore
) -> None:
    artifact = artifacts.ingest_bytes(b"x" * 100_000)
    await publish(cache, KEY, output=Output(None, (artifact,)))
    alter(artifacts.path(artifact))
    fresh = LocalArtifactStore.open(Path(artifacts.location.removeprefix("file://")))
    async with Cache(store, fresh) as late:
        assert holding(await late.attempt(Ticket(KEY))).reason is Reason.OUTPUT_ALTERED


@pytest.mark.parametrize("text", ["", "not JSON", "{}", '{"value":1,"artifacts":[["aa",1,"socket"]]}'])
async def test_an_entry_that_is_no_output_is_executed_anew(cache: Cache, text: str) -> None:
    await holding(await cache.attempt(Ticket(KEY))).publish(Record(output=text))
    held = holding(await cache.attempt(Ticket(KEY)))
    assert held.reason is Reason.OUTPUT_ALTERED
    await held.publish(record(1))
    assert isinstance(await cache.attempt(Ticket(KEY)), Reused)


async def test_a_damaged_entry_that_cannot_be_withdrawn_is_replaced_in_place(
    cache: Cache, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def withdraw(key: str, published_by: str) -> bool:
        return False

    await holding(await cache.attempt(Ticket(KEY))).publish(Record(output="not JSON"))
    monkeypatch.setattr(counts(store), "withdraw", withdraw, raising=False)
    held = holding(await cache.attempt(Ticket(KEY)))
    assert held.reason is Reason.OUTPUT_ALTERED
    await held.publish(record(1))
    assert isinstance(await cache.attempt(Ticket(KEY)), Reused)


async def test_an_entry_refreshed_meanwhile_is_not_withdrawn(
    cache: Cache, other: Cache, artifacts: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = artifacts.ingest_bytes(b"old")
    await publish(cache, KEY, output=Output("old", (artifact,)))
    delete(artifacts.path(artifact))
    loop = asyncio.get_running_loop()
    verify = artifacts.verify

    def refresh_and_verify(item: Artifact) -> object:
        asyncio.run_coroutine_threadsafe(refresh(), loop).result(10)
        return verify(item)

    async def refresh() -> None:
        held = holding(await other.attempt(Ticket(KEY, max_staleness=0)))
        await held.publish(record("new"))

    monkeypatch.setattr(artifacts, "verify", refresh_and_verify)
    assert await cache.reuse(Ticket(KEY)) is None
    reused = await cache.reuse(Ticket(KEY))
    assert reused is not None
    assert reused.output.value == "new"


async def test_an_artifact_store_that_cannot_be_read_is_an_error_and_not_a_miss(
    cache: Cache, store: Store, artifacts: LocalArtifactStore
) -> None:
    artifact = artifacts.ingest_bytes(b"x")
    await publish(cache, KEY, output=Output(None, (artifact,)))
    root = Path(artifacts.location.removeprefix("file://"))
    root.rename(root.with_name("unmounted"))
    root.mkdir()
    for ask in (cache.reuse, cache.attempt):
        with pytest.raises(ArtifactStoreUnavailableError):
            await ask(Ticket(KEY))
    assert await cache.store.lookup(KEY) is not None
    root.rmdir()
    root.with_name("unmounted").rename(root)
    assert isinstance(await cache.attempt(Ticket(KEY)), Reused)


async def test_a_store_that_cannot_answer_is_an_error_and_not_a_miss(cache: Cache, store: Store) -> None:
    def down(operation: str) -> None:
        raise StoreUnavailableError("down")

    counts(store).before = down
    for ask in (cache.reuse, cache.attempt):
        with pytest.raises(StoreUnavailableError):
            await ask(Ticket(KEY))


async def test_a_claim_granted_to_a_cancelled_caller_is_given_back(cache: Cache, store: Store) -> None:
    attempt = asyncio.create_task(cache.attempt(Ticket(KEY)))
    counts(store).before = lambda name: attempt.cancel() if name == "claim" else None
    with pytest.raises(asyncio.CancelledError):
        await attempt
    counts(store).before = lambda _: None
    assert isinstance(await cache.attempt(Ticket(KEY)), Holding)


async def test_closing_gives_back_what_is_held(cache: Cache, other: Cache) -> None:
    held = holding(await cache.attempt(Ticket(KEY)))
    await cache.close()
    await cache.close()
    assert isinstance(await other.attempt(Ticket(KEY)), Holding)
    assert isinstance(await held.publish(record()), Lost)


async def test_invalidating_revokes_a_running_claim(cache: Cache, other: Cache) -> None:
    await publish(cache, KEY)
    held = holding(await cache.attempt(Ticket(KEY, max_staleness=0)))
    answer = await other.invalidate(KEY)
    assert (answer.entry, answer.claim) == (True, True)
    assert isinstance(await held.publish(record()), Lost)
    assert await cache.reuse(Ticket(KEY)) is None


async def test_hits_are_written_in_batches_and_on_close(store: Store, artifacts: LocalArtifactStore) -> None:
    async with Cache(store, artifacts) as cache:
        await publish(cache, KEY)
        for _ in range(100):
            await cache.reuse(Ticket(KEY))
        assert "count_hits" not in counts(store).calls
    assert counts(store).calls["count_hits"] == 1


async def test_hits_that_cannot_be_written_are_dropped(store: Store, artifacts: LocalArtifactStore) -> None:
    def down(operation: str) -> None:
        raise StoreUnavailableError("down")

    async with Cache(store, artifacts) as cache:
        await publish(cache, KEY)
        await cache.reuse(Ticket(KEY))
        counts(store).before = down


async def test_hits_are_written_while_the_cache_is_open(
    cache: Cache, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stepcache.cache import hits

    monkeypatch.setattr(hits, "_FLUSH_AFTER", 0.01)
    await publish(cache, KEY)
    await cache.reuse(Ticket(KEY))
    await until(lambda: counts(store).calls.get("count_hits"))


async def test_removing_the_whole_artifact_store_is_no_miss(cache: Cache, artifacts: LocalArtifactStore) -> None:
    artifact = artifacts.ingest_bytes(b"x")
    await publish(cache, KEY, output=Output(None, (artifact,)))
    root = Path(artifacts.location.removeprefix("file://"))
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(root)
    with pytest.raises(ArtifactStoreUnavailableError):
        await cache.attempt(Ticket(KEY))
