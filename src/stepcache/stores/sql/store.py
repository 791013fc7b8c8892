"""The store over one database of a server, whatever kind of server it is."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence

from stepcache.errors import StepcacheError
from stepcache.stores.cache_key import check, check_all
from stepcache.stores.claim import (
    Busy,
    Claim,
    Granted,
    Hit,
    Invalidated,
    KeyState,
    Lost,
    Published,
    Put,
    Released,
    Renewed,
)
from stepcache.stores.entry import UNLIMITED, Description, Entry, Record
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.sql.browsing import SqlBrowsing
from stepcache.stores.sql.claims import ClaimRequest, Claims
from stepcache.stores.sql.collection import Collection as Collecting
from stepcache.stores.sql.collection import SqlCollection
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.dialect import Dialect
from stepcache.stores.sql.entries import Entries
from stepcache.stores.sql.history import SqlHistory
from stepcache.stores.sql.run_table import RunEnd, RunTable
from stepcache.stores.sql.statistics import SqlStatistics


class SqlStore(SqlBrowsing, SqlHistory, SqlStatistics, SqlCollection):
    """``stores.contract.Store`` and ``stores.runs.RunStore`` on a server; what they promise is said there.

    Any number of processes on any number of machines may open one database. A forked child has to open it anew.
    """

    def __init__(self, database: SqlDatabase, dialect: Dialect, *, refusal: StepcacheError | None = None) -> None:
        """Make the store over an open database with its tables in place (``sql.opening``).

        Args:
            database: where the sessions come from.
            dialect: the statements.
            refusal: what every write is answered with; None for a database that may be written.
        """
        self._database = database
        self._dialect = dialect
        self._refusal = refusal
        self._entries = Entries(dialect)
        self._claims = Claims(dialect, self._entries)
        self._runs = RunTable(dialect)
        self._collecting = Collecting(dialect.shared)

    @property
    def url(self) -> str:
        """See the contract."""
        return self._database.driver.address.shown

    async def close(self) -> None:
        """See the contract."""
        await self._database.close()

    async def lookup(self, key: str) -> Entry | None:
        """See the contract."""
        check(key)
        return await self._database.run(self._entries.lookup, key)

    async def claim(  # noqa: PLR0913 - each is a word of the protocol
        self,
        key: str,
        claim_id: str,
        *,
        holder: str,
        lease: float,
        max_staleness: float = UNLIMITED,
        asked: float = 0.0,
        dead_holder: str | None = None,
    ) -> Hit | Granted | Busy:
        """See the contract."""
        check(key)
        self._check_writable()
        request = ClaimRequest(key, claim_id, holder, lease, max_staleness, asked, dead_holder)
        return await self._database.run(self._claims.claim, request)

    async def renew(self, claim: Claim, *, lease: float, holder: str | None = None) -> Renewed | Lost:
        """See the contract."""
        check(claim.key)
        self._check_writable()
        return await self._database.run(self._claims.renew, claim, lease, holder)

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        """See the contract."""
        check(claim.key)
        self._check_writable()
        return await self._database.run(self._claims.publish, claim, record)

    async def release(self, claim: Claim, *, failure: str | None = None) -> Released | Lost:
        """See the contract."""
        check(claim.key)
        self._check_writable()
        return await self._database.run(self._claims.release, claim, failure)

    async def put(self, key: str, record: Record) -> Put:
        """See the contract."""
        check(key)
        self._check_writable()
        return await self._database.run(self._entries.put, key, record, secrets.token_hex(16))

    async def withdraw(self, key: str, published_by: str) -> bool:
        """See the contract."""
        check(key)
        self._check_writable()
        return await self._database.run(self._entries.withdraw, key, published_by)

    async def invalidate(self, key: str) -> Invalidated:
        """See the contract."""
        check(key)
        self._check_writable()
        return await self._database.run(self._claims.invalidate, key)

    async def watch(self, keys: Collection[str]) -> Mapping[str, KeyState]:
        """See the contract."""
        check_all(keys)
        self._check_writable()
        return await self._database.run(self._watch, tuple(dict.fromkeys(keys)))

    async def describe(self, key: str) -> Description | None:
        """See the contract."""
        check(key)
        return await self._database.run(self._entries.describe, key)

    async def count_hits(self, hits: Mapping[str, int]) -> None:
        """See the contract."""
        check_all(hits)
        self._check_writable()
        await self._database.run(self._entries.count_hits, dict(hits))

    async def settle(self, name: str, value: str) -> str:
        """See the contract."""
        self._check_writable()
        return await self._database.run(self._settle, name, value)

    async def settled(self, name: str) -> str | None:
        """See the contract."""
        self._check_writable()
        return await self._database.run(self._settled, name)

    async def duplicates(self) -> Sequence[tuple[str, int]]:
        """See the contract."""
        return await self._database.run(self._duplicates)

    async def save_run(self, run: RunRow) -> None:
        """See the contract."""
        self._check_writable()
        await self._database.run(self._runs.save_run, run)

    async def save_tasks(self, tasks: Sequence[TaskRow]) -> None:
        """See the contract."""
        self._check_writable()
        await self._database.run(self._runs.save_tasks, tuple(tasks))

    async def finish_run(  # noqa: PLR0913 - each is a column
        self,
        run_id: str,
        *,
        unless: Collection[str],
        state: str,
        finished_at: float,
        error: str,
        outputs: str = "{}",
    ) -> bool:
        """See the contract."""
        self._check_writable()
        end = RunEnd(run_id, tuple(unless), state, finished_at, error, outputs)
        return await self._database.run(self._runs.finish_run, end)

    async def run(self, run_id: str) -> RunRow | None:
        """See the contract."""
        self._check_writable()
        return await self._database.run(self._runs.run, run_id)

    async def runs(self, *, state: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """See the contract."""
        self._check_writable()
        return await self._database.run(self._runs.runs, state, limit)

    async def tasks(self, run_id: str) -> Sequence[TaskRow]:
        """See the contract."""
        self._check_writable()
        return await self._database.run(self._runs.tasks, run_id)

    def _check_writable(self) -> None:
        """Raise the refusal, if there is one: also for what a database without our tables cannot tell."""
        if self._refusal is not None:
            raise self._refusal

    async def _watch(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, KeyState]:
        return await self._dialect.watch(connection, keys) if keys else {}

    async def _settled(self, connection: Connection, name: str) -> str | None:
        rows = await connection.fetch(self._dialect.shared.settled, {"name": name})
        return str(rows[0][0]) if rows else None

    async def _settle(self, connection: Connection, name: str, value: str) -> str:
        """Race: two that settle one fact. The insertion of the first stands (``test_a_settled_value_stays``)."""
        settled = await self._settled(connection, name)
        if settled is None:
            await self._dialect.settle(connection, name, value)
            settled = await self._settled(connection, name)
        return value if settled is None else settled

    async def _duplicates(self, connection: Connection) -> list[tuple[str, int]]:
        rows = await connection.fetch(self._dialect.shared.duplicates, {})
        return [(key, count) for key, count in rows]
