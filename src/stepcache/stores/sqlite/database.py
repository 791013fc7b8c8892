"""One SQLite file as one process uses it (protocol.md, SQL rules).

Write-ahead logging lets readers go on beside the one writer. ``synchronous=NORMAL`` keeps every commit through the
death of any process, which is what P5 promises; a power failure may cost the last ones, never the file's soundness.
``synchronous=FULL`` keeps them through that too, for one wait for the disk per commit.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Final, Literal, ParamSpec, TypeVar
from urllib.parse import quote

from stepcache.errors import StoreUnavailableError
from stepcache.stores.sqlite import place, schema
from stepcache.stores.sqlite.connection_thread import ConnectionThread
from stepcache.stores.sqlite.failure import explained, is_busy

T = TypeVar("T")
P = ParamSpec("P")
Synchronous = Literal["normal", "full"]

_NOWHERE: Final = (0, 0)
_PATIENCE: Final = 30.0
"""Seconds for which a lock held by others is waited for. Writers hold it for a fraction of a millisecond each."""
_SHORTEST_PAUSE: Final = 0.0002
_LONGEST_PAUSE: Final = 0.02

_STATEMENT_ERRORS: Final = (sqlite3.Error, OverflowError, UnicodeError)
_opened: weakref.WeakSet[SqliteDatabase] = weakref.WeakSet()
_inherited: set[tuple[int, int]] = set()
"""Device and inode of each file that the process which this one was forked from had open then."""


class SqliteDatabase:
    """Three connections to one file: one that writes, on a thread of its own; one that answers quick reads at once,
    on the caller's thread (a look-up takes microseconds, a hop to another thread fifty); one for long reads, on
    another thread. All are made by ``open``, or when they are first needed, and end with ``close``.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Synchronous = "normal",
        patience: float = _PATIENCE,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.synchronous = synchronous
        self._patience = patience
        self._process = os.getpid()
        self._identity = _NOWHERE
        connect_writer = self._refuse_writing if read_only else self._connect_writer
        self._read_only = read_only
        self._writer = ConnectionThread("stepcache-sqlite-writer", connect_writer)
        self._long_reader = ConnectionThread("stepcache-sqlite-reader", self._connect)
        self._quick_reader: sqlite3.Connection | None = None
        self._quick_reading = threading.Lock()
        self._closed = False
        self.found_version = 0
        """The version of the tables before ``open`` brought them to this release; 0 for a new file."""

    async def open(self) -> None:
        """Connect, and make the tables of an empty file. Raises InputError or StoreUnavailableError with what is
        wrong; nothing is left open then.
        """
        _opened.add(self)
        try:
            await self._writer.run(lambda _: None)
            self._quick_reader = self._connect()
        except BaseException:
            await self.close()
            raise

    async def open_to_read(self) -> bool:
        """Connect to what is there; False when that is nothing, or an empty file. Nothing is changed.

        For a database that was made ``read_only``. Raises InputError and StoreUnavailableError as ``open`` does.
        """
        _opened.add(self)
        is_there = False
        try:
            is_there = self.path.is_file() and self._look()
        except sqlite3.Error as error:
            raise explained(error, self.path) from error
        finally:
            if not is_there:
                await self.close()
        return is_there

    def _look(self) -> bool:
        if self._identify() in _inherited:
            raise self._forked()
        connection = self._quick_reader = self._connect()
        return self._patiently(lambda: schema.can_be_read(connection, self.path))

    async def write(
        self, transaction: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``transaction(connection, ...)`` in one immediate transaction and commit it.

        It is run again when another process held the lock, so it must have no effect but on the file.
        """
        self._check()
        return await self._writer.run(lambda connection: self._commit(connection, transaction, *args, **kwargs))

    async def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``query(connection, ...)``, one quick read, at once. Only where somebody is in the way, another
        thread or a lock, does it go to the thread of the long reads and wait there.
        """
        self._check()
        if self._quick_reader is not None and self._quick_reading.acquire(blocking=False):
            try:
                return query(self._quick_reader, *args, **kwargs)
            except _STATEMENT_ERRORS as error:
                if not (isinstance(error, sqlite3.Error) and is_busy(error)):
                    raise explained(error, self.path) from error
            finally:
                self._quick_reading.release()
        return await self.read_long(query, *args, **kwargs)

    async def read_long(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``query(connection, ...)``, which may take its time, on a thread."""
        self._check()
        return await self._long_reader.run(
            lambda connection: self._patiently(lambda: query(connection, *args, **kwargs))
        )

    async def close(self) -> None:
        """Close all connections, after the work that was asked for before. Idempotent."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        _opened.discard(self)
        with self._quick_reading:
            if self._quick_reader is not None:
                self._quick_reader.close()
                self._quick_reader = None
        try:
            await self._long_reader.close()
        finally:
            await self._writer.close()

    def abandon(self) -> None:
        """In a forked child: never use the parent's connections, nor close them, the interpreter's end included.

        Closing one would undo the parent's transaction in the memory that both share, or hang on a lock of a thread
        that does not exist here (sqlite.org/howtocorrupt.html, 2.6).
        """
        import ctypes

        if self._identity != _NOWHERE:
            _inherited.add(self._identity)
        for connection in (self._quick_reader, self._long_reader.connection, self._writer.connection):
            if connection is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))

    def _check(self) -> None:
        if self._process != os.getpid():
            raise self._forked()
        if self._closed:
            raise StoreUnavailableError(f"the store {self.path} was closed")

    def _forked(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the store {self.path} was open when this process was forked, and a child has no share in its locks",
            remedy="open the store again in a process that is started by spawn, or open it only after the fork",
        )

    def _connect(self) -> sqlite3.Connection:
        # "rw": a file that is not there is not made.
        name = f"file:{quote(os.fsencode(self.path))}?mode=rw" if self._read_only else self.path
        connection = sqlite3.connect(
            name,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            uri=self._read_only,
        )
        if self._read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _refuse_writing(self) -> sqlite3.Connection:
        raise StoreUnavailableError(f"the store {self.path} was opened to be read only")

    def _connect_writer(self) -> sqlite3.Connection:
        place.prepare(self.path)
        if self._identify() in _inherited:
            # SQLite keeps what this process has locked in memory. The child's copy of that says that the file is
            # locked already, so it would take no lock, and the last other process to close the file would delete
            # the log that the child goes on writing to: what it commits is lost. Seen with SQLite 3.40.
            raise self._forked()
        connection = None
        try:
            connection = self._connect()
            self._make_ready(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise explained(error, self.path) from error
            raise
        return connection

    def _make_ready(self, connection: sqlite3.Connection) -> None:
        # Look before anything is changed: the file may be another program's.
        current = self._patiently(lambda: schema.is_current(connection, self.path))
        self.found_version = self._patiently(lambda: schema.version(connection))
        (mode,) = self._patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        if mode != "wal":
            raise StoreUnavailableError(
                f"{self.path} cannot have a write-ahead log: its file system has no shared memory",
                remedy="put the store on a local disk, by --store or --home",
            )
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        self._identity = self._identify()
        if not current:
            self._commit(connection, schema.create, self.path)

    def _commit(
        self,
        connection: sqlite3.Connection,
        transaction: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def attempt() -> T:
            # IMMEDIATE: a deferred transaction that comes to write after others did is told BUSY at once.
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_identity()
                answer = transaction(connection, *args, **kwargs)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return answer

        return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """``attempt``, again and again while others are in the way, with jitter so that they do not meet again."""
        deadline = time.monotonic() + self._patience
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return attempt()
            except _STATEMENT_ERRORS as error:
                if not (isinstance(error, sqlite3.Error) and is_busy(error)) or time.monotonic() > deadline:
                    raise explained(error, self.path) from error
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _identify(self) -> tuple[int, int]:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - on the way of every write: a third of Path.stat's time
        except OSError:
            return _NOWHERE
        return (status.st_dev, status.st_ino)

    def _check_identity(self) -> None:
        """Race: a file that is removed or replaced while it is open. SQLite would go on writing to the old one, and
        another process could be granted the same claim in the new one (``test_a_replaced_file_is_noticed``).
        """
        if self._identify() != self._identity:
            raise StoreUnavailableError(
                f"{self.path} was removed or replaced while it was open", remedy="run again, with the file in place"
            )


def _abandon_all() -> None:
    for database in _opened:
        database.abandon()


os.register_at_fork(after_in_child=_abandon_all)
