"""Connections, locks and forks."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from stepcache.errors import StoreUnavailableError
from stepcache.stores.sqlite import SqliteStore
from stepcache.stores.sqlite.database import SqliteDatabase
from tests.stores.sqlite.sequencer import Knocking
from tests.stores.world import a_key, a_record

KEY = a_key()
AGAIN = "open the store again in a process that is started by spawn, or open it only after the fork"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize(("synchronous", "level"), [("normal", 1), ("full", 2)])
async def test_how_long_a_commit_lasts_can_be_chosen(tmp_path: Path, synchronous: str, level: int) -> None:
    assert synchronous in ("normal", "full")
    database = SqliteDatabase(tmp_path / "store.db", synchronous="full" if synchronous == "full" else "normal")
    await database.open()
    assert await database.write(lambda connection: connection.execute("PRAGMA synchronous").fetchone()) == (level,)
    await database.close()


async def test_a_write_waits_for_other_programs(store: SqliteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        knocking = Knocking(store)
        put = asyncio.ensure_future(store.put(KEY, a_record()))
        await knocking.wait_refused(put)
        assert not put.done()
        assert await store.lookup(KEY) is None  # reading goes on meanwhile
        other.execute("COMMIT")
        assert (await put).stored


async def test_a_lock_that_is_never_let_go_is_an_error(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db", patience=0.01)
    await database.open()
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="other programs keep") as caught:
            await database.write(lambda connection: connection.execute("SELECT 1").fetchone())
        assert caught.value.remedy
        other.execute("ROLLBACK")
    await database.close()


async def test_a_quick_read_that_finds_the_file_locked_is_made_again_on_a_thread(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db")
    await database.open()
    connections = []

    def query(connection: sqlite3.Connection) -> int:
        connections.append(connection)
        if len(connections) < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return 7

    assert await database.read(query) == 7
    assert connections[0] is not connections[1]
    assert connections[1] is connections[2]
    await database.close()


async def test_a_failed_transaction_leaves_nothing(store: SqliteStore) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO settings VALUES ('a', 'b')")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await store._database.write(broken)
    assert await store.settle("a", "c") == "c"


async def test_a_mistake_in_a_statement_is_an_error_that_names_the_file(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=f"{tmp_path}/store.db cannot be used .no such table: nowhere"):
        await store._database.read(lambda connection: connection.execute("SELECT * FROM nowhere"))


async def test_a_store_that_was_not_opened_cannot_be_closed_wrongly(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.close()
    assert not (tmp_path / "store.db").exists()


def test_a_forked_child_is_told_to_open_the_store_again(tmp_path: Path) -> None:
    """Beside a parent that is in the middle of a transaction, which the child's end must not disturb."""
    program = [sys.executable, "-W", "ignore", "-m", "tests.stores.sqlite.forking", str(tmp_path / "store.db")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"sqlite lookup: {AGAIN}",
        f"sqlite put: {AGAIN}",
        f"sqlite opened again: {AGAIN}",
        "memory put: give a store that processes can share, such as sqlite:///store.db",
        "another file, stored: True",
        "parent: stored, sound",
    ]
