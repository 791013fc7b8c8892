"""The store over one SQLite file."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

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
from stepcache.stores.duplicates import DUPLICATE_QUERY
from stepcache.stores.entry import UNLIMITED, Description, Entry, Record
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.sqlite import run_table, schema
from stepcache.stores.sqlite.browsing import SqliteBrowsing
from stepcache.stores.sqlite.claims import ClaimRequest, Claims
from stepcache.stores.sqlite.collection import SqliteCollection
from stepcache.stores.sqlite.database import SqliteDatabase, Synchronous
from stepcache.stores.sqlite.entries import Entries
from stepcache.stores.sqlite.history import SqliteHistory
from stepcache.stores.sqlite.run_table import RunEnd
from stepcache.stores.sqlite.statements import CLOCK, Statements
from stepcache.stores.sqlite.statistics import SqliteStatistics
from stepcache.stores.standing import USED_WITHIN, Standing

_QUICK_KEYS = 100
"""How many keys are watched on the caller's thread, at three microseconds each."""
_QUICK_STANDING = 500
"""How many entries are compared there, at a microsecond each."""


class SqliteStore(SqliteBrowsing, SqliteHistory, SqliteStatistics, SqliteCollection):
    """``stores.contract.Store`` and ``stores.runs.RunStore`` on SQLite; what they promise is said there.

    Any number of processes may open one file, none across a network. A forked child has to open it anew.
    """

    version = schema.VERSION
    """Of the tables."""

    def __init__(
        self, path: Path, *, synchronous: Synchronous = "normal", clock: str = CLOCK, read_only: bool = False
    ) -> None:
        """Make the store; ``open`` it before use, or ``open_to_read`` what is to be ``read_only``.

        Args:
            path: the file, absolute.
            synchronous: ``full`` for results that survive a power failure too.
            clock: an SQL expression for the time in milliseconds since the epoch.
            read_only: whether every operation that writes raises StoreUnavailableError.
        """
        self._database = SqliteDatabase(path, synchronous=synchronous, read_only=read_only)
        self._clock = clock
        statements = Statements(clock)
        self._entries = Entries(statements)
        self._claims = Claims(statements, self._entries)
        self._clock = clock

    @property
    def url(self) -> str:
        """See the contract."""
        path = str(self._database.path).replace("%", "%25").replace("?", "%3F")
        option = "?synchronous=full" if self._database.synchronous == "full" else ""
        return f"sqlite:///{path}{option}"

    @property
    def found_version(self) -> int:
        """The version of the tables before ``open`` brought them to this release; 0 for a new file."""
        return self._database.found_version

    async def open(self) -> None:
        """Connect; make the tables of an empty file, and bring those of an older release to this one.

        Raises InputError and StoreUnavailableError.
        """
        await self._database.open()

    async def open_to_read(self) -> bool:
        """Connect to what is there; False, and closed again, when there is no store. Nothing is changed.

        Raises InputError and StoreUnavailableError.
        """
        return await self._database.open_to_read()

    async def close(self) -> None:
        """See the contract."""
        await self._database.close()

    async def lookup(self, key: str) -> Entry | None:
        """See the contract."""
        check(key)
        return await self._database.read(self._entries.lookup, key)

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
        request = ClaimRequest(key, claim_id, holder, lease, max_staleness, asked, dead_holder)
        return await self._database.write(self._claims.claim, request)

    async def renew(self, claim: Claim, *, lease: float, holder: str | None = None) -> Renewed | Lost:
        """See the contract."""
        check(claim.key)
        return await self._database.write(self._claims.renew, claim, lease, holder)

    async def publish(self, claim: Claim, record: Record) -> Published | Lost:
        """See the contract."""
        check(claim.key)
        return await self._database.write(self._claims.publish, claim, record)

    async def release(self, claim: Claim, *, failure: str | None = None) -> Released | Lost:
        """See the contract."""
        check(claim.key)
        return await self._database.write(self._claims.release, claim, failure)

    async def put(self, key: str, record: Record) -> Put:
        """See the contract."""
        check(key)
        return await self._database.write(self._entries.put, key, record, secrets.token_hex(16))

    async def withdraw(self, key: str, published_by: str) -> bool:
        """See the contract."""
        check(key)
        return await self._database.write(self._entries.delete, key, published_by)

    async def invalidate(self, key: str) -> Invalidated:
        """See the contract."""
        check(key)
        return await self._database.write(self._claims.invalidate, key)

    async def watch(self, keys: Collection[str]) -> Mapping[str, KeyState]:
        """See the contract."""
        check_all(keys)
        read = self._database.read if len(keys) <= _QUICK_KEYS else self._database.read_long
        return await read(self._claims.watch, keys)

    async def stand(self, entries: Mapping[str, str]) -> Standing:
        """See ``stores.standing``."""
        check_all(entries)
        read = self._database.read if len(entries) <= _QUICK_STANDING else self._database.read_long
        return await read(self._entries.stand, entries, round(USED_WITHIN * 1000))

    async def touch(self, keys: Collection[str]) -> None:
        """See ``stores.standing``."""
        check_all(keys)
        await self._database.write(self._entries.touch, tuple(keys), round(USED_WITHIN * 1000))

    async def describe(self, key: str) -> Description | None:
        """See the contract."""
        check(key)
        return await self._database.read(self._entries.describe, key)

    async def count_hits(self, hits: Mapping[str, int]) -> None:
        """See the contract."""
        check_all(hits)
        await self._database.write(self._entries.count_hits, dict(hits))

    async def settle(self, name: str, value: str) -> str:
        """See the contract."""
        settled = await self._database.read(_settled, name)
        return await self._database.write(_settle, name, value) if settled is None else settled

    async def settled(self, name: str) -> str | None:
        """See the contract."""
        return await self._database.read(_settled, name)

    async def duplicates(self) -> Sequence[tuple[str, int]]:
        """See the contract."""
        return await self._database.read_long(lambda connection: connection.execute(DUPLICATE_QUERY).fetchall())

    async def save_run(self, run: RunRow) -> None:
        """See the contract."""
        await self._database.write(run_table.save_run, run)

    async def save_tasks(self, tasks: Sequence[TaskRow]) -> None:
        """See the contract."""
        await self._database.write(run_table.save_tasks, tuple(tasks))

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
        end = RunEnd(run_id, tuple(unless), state, finished_at, error, outputs)
        return await self._database.write(run_table.finish_run, end)

    async def run(self, run_id: str) -> RunRow | None:
        """See the contract."""
        return await self._database.read(run_table.run, run_id)

    async def runs(self, *, state: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """See the contract."""
        return await self._database.read_long(run_table.runs, state, limit)

    async def tasks(self, run_id: str) -> Sequence[TaskRow]:
        """See the contract."""
        return await self._database.read_long(run_table.tasks, run_id)


def _settled(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _settle(connection: sqlite3.Connection, name: str, value: str) -> str:
    """Race: two that settle one fact. The insertion of the first stands (``test_a_settled_value_stays``)."""
    connection.execute("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
    return _settled(connection, name) or value
