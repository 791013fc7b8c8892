"""Entries that rest on others, and looks at entries that change nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Reused
from stepcache.cache.output import Output
from stepcache.cache.reason import Reason
from stepcache.cache.ticket import Ticket
from stepcache.stores.contract import Store
from stepcache.stores.standing import USED_WITHIN
from tests.cache.caches import a_key, counts, holding, opened_store, publish, record

KEY = a_key()
OTHER = a_key("other")


async def test_a_look_tells_what_reuse_would_and_changes_nothing(
    cache: Cache, store: Store, artifacts: LocalArtifactStore
) -> None:
    assert await cache.peek(Ticket(KEY)) is Reason.FIRST_SEEN
    artifact = artifacts.ingest_bytes(b"content")
    await publish(cache, KEY, output=Output({"a": 1}, (artifact,)))
    seen = await cache.peek(Ticket(KEY))
    assert isinstance(seen, Reused)
    assert seen.output.value == {"a": 1}
    assert await cache.peek(Ticket(KEY, max_staleness=0)) is Reason.REFRESHED
    artifacts.remove(artifact)
    for _ in range(2):
        assert await cache.peek(Ticket(KEY)) is Reason.OUTPUT_MISSING
    assert await store.lookup(KEY) is not None
    await cache.close()
    assert "count_hits" not in counts(store).calls
    assert "withdraw" not in counts(store).calls


async def test_an_entry_stands_while_those_that_it_rests_on_do(cache: Cache) -> None:
    inner = await publish(cache, OTHER)
    rests_on = {OTHER: inner.entry.published_by}
    await cache.replace(KEY, record(output=Output(2, rests_on=rests_on)))
    assert isinstance(await cache.peek(Ticket(KEY)), Reused)
    await holding(await cache.attempt(Ticket(OTHER, max_staleness=0))).publish(record(1))
    assert await cache.peek(Ticket(KEY)) is Reason.STALE
    assert await cache.reuse(Ticket(KEY)) is None  # and it is withdrawn
    assert await cache.peek(Ticket(KEY)) is Reason.FIRST_SEEN


async def test_two_that_replace_an_entry_leave_one(cache: Cache, other: Cache, store: Store) -> None:
    await publish(cache, KEY, 0)
    await asyncio.gather(
        cache.replace(KEY, record(1)), other.replace(KEY, record(2)), cache.replace(KEY, record(3))
    )
    found = await cache.peek(Ticket(KEY))
    assert isinstance(found, Reused)
    assert found.output.value in (1, 2, 3)
    assert await store.duplicates() == []


@pytest.mark.parametrize(("ago", "touched"), [(USED_WITHIN + 60, True), (USED_WITHIN - 60, False)])
async def test_what_a_hit_rests_on_is_in_use(tmp_path: Path, ago: float, touched: bool) -> None:
    async with opened_store("sqlite", tmp_path) as store:
        async with Cache(store, LocalArtifactStore.open(tmp_path / "artifacts")) as cache:
            inner = await publish(cache, OTHER)
            rests_on = {OTHER: inner.entry.published_by}
            await cache.replace(KEY, record(output=Output(2, rests_on=rests_on)))
            database = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
            database.execute("UPDATE execution_details SET used_at = used_at - ?", (ago * 1000,))
            before = database.execute("SELECT used_at FROM execution_details ORDER BY entry_id").fetchall()
            seen = await cache.peek(Ticket(KEY))
            assert isinstance(seen, Reused)
            cache.count(seen)
        after = database.execute("SELECT used_at, hits FROM execution_details ORDER BY entry_id").fetchall()
        database.close()
    assert [hits for _, hits in after] == [0, 1]
    assert [now > then for (now, _), (then,) in zip(after, before, strict=True)] == [touched, True]
