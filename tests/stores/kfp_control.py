"""KFP's way of storing, kept as a control: a store that the suite must refuse.

``put`` is ``CreateExecutionCache`` of backend/src/cache/storage/execution_cache_store.go: look for any row of the
key, fresh or not; if there is none, insert; no unique index, no transaction. Claims follow the same pattern, and
publishing asks for no fence: so would a cache be that is built the way KFP's is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stepcache.stores.claim import Busy, Claim, Granted, Hit, Lost, Published, Put
from stepcache.stores.entry import Entry, Record, is_fresh
from stepcache.stores.sqlite import SqliteStore


class CheckThenInsertStore(SqliteStore):
    """Look first, then write, and let others in between: always, not by luck."""

    async def open(self) -> None:
        await super().open()
        await self._write("DROP INDEX IF EXISTS uq_execution_caches_key")

    async def put(self, key: str, record: Record) -> Put:
        if await self.lookup(key) is not None:
            raise RuntimeError(f"there is a row for {key}")  # KFP's answer
        await _let_others_in()
        await self._insert(key, record, "put")
        return Put(await self._entry(key), stored=True)

    async def claim(self, key: str, claim_id: str, **named: Any) -> Hit | Granted | Busy:
        entry = await self.lookup(key)
        limits = {"max_staleness": named.get("max_staleness", -1), "asked": named.get("asked", 0.0)}
        if entry is not None and is_fresh(entry, **limits):
            return Hit(entry)
        held = (await self.watch([key]))[key].busy
        if held is not None:
            return held
        await _let_others_in()
        until = round(named["lease"] * 1000)
        await self._write(
            "INSERT OR REPLACE INTO execution_claims (cache_key, claim_id, token, holder, lease_until, claimed_at)"
            " SELECT ?, ?, 1, ?, milliseconds + ?, milliseconds FROM test_clock",
            key,
            claim_id,
            named["holder"],
            until,
        )
        return Granted(Claim(key, claim_id, 1), named["lease"], stale=entry, failures=0, failure="")

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        if await self.lookup(claim.key) is None:
            await self._insert(claim.key, record, claim.claim_id)
        await self._write("DELETE FROM execution_claims WHERE cache_key = ?", claim.key)
        return Published(await self._entry(claim.key))

    async def withdraw(self, key: str, published_by: str) -> bool:
        entry = await self.lookup(key)
        if entry is None:
            return False
        await _let_others_in()
        await self._write("DELETE FROM execution_caches WHERE ID = ?", entry.id)
        return True

    async def _insert(self, key: str, record: Record, published_by: str) -> None:
        await self._write(
            """INSERT INTO execution_caches
                      (ExecutionCacheKey, ExecutionTemplate, ExecutionOutput, MaxCacheStaleness, StartedAtInSec,
                       EndedAtInSec)
               SELECT ?, ?, ?, ?, milliseconds / 1000, milliseconds / 1000 FROM test_clock""",
            key,
            record.template,
            record.output,
            record.max_staleness,
        )
        await self._write(
            "INSERT OR REPLACE INTO execution_details (entry_id, published_by, started_at, namespace, pipeline,"
            " component, task, run_id, duration, parts, used_at)"
            " SELECT MAX(ID), ?, milliseconds, '', '', '', '', '', 0, '{}', 0 FROM execution_caches, test_clock",
            published_by,
        )

    async def _entry(self, key: str) -> Entry:
        entry = await self.lookup(key)
        assert entry is not None
        return entry

    async def _write(self, statement: str, *values: Any) -> None:
        await self._database.write(lambda connection: connection.execute(statement, values).fetchall())


async def _let_others_in() -> None:
    """All who look at this moment have looked before any of them goes on."""
    for _ in range(10):
        await asyncio.sleep(0)
