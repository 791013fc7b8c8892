"""What may be wrong with the file of a store: one clear sentence each, never a miss."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from stepcache.errors import InputError, StepcacheError, StoreUnavailableError
from stepcache.stores.duplicates import DUPLICATE_QUERY
from stepcache.stores.sqlite import SqliteStore, place, schema
from tests.stores.sqlite.sequencer import writer
from tests.stores.world import a_key, a_record, publish

KEY = a_key()
KFP_COLUMNS = [
    ("ID", "INTEGER"),
    ("ExecutionCacheKey", "VARCHAR(191)"),
    ("ExecutionTemplate", "TEXT"),
    ("ExecutionOutput", "TEXT"),
    ("MaxCacheStaleness", "BIGINT"),
    ("StartedAtInSec", "BIGINT"),
    ("EndedAtInSec", "BIGINT"),
]
KFP_TABLE = """CREATE TABLE execution_caches (
    ID INTEGER PRIMARY KEY AUTOINCREMENT,
    ExecutionCacheKey varchar(191) NOT NULL, ExecutionTemplate longtext NOT NULL,
    ExecutionOutput longtext NOT NULL, MaxCacheStaleness bigint NOT NULL, StartedAtInSec bigint NOT NULL,
    EndedAtInSec bigint NOT NULL)"""


async def refusal(path: Path) -> StepcacheError:
    """What opening ``path`` is answered with."""
    store = SqliteStore(path)
    with pytest.raises(StepcacheError) as caught:
        await store.open()
    await store.close()
    return caught.value


def execute(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return [row for statement in statements for row in connection.execute(statement).fetchall()]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user to whom permissions apply."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that unprivileged users can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_the_table_is_kfps_with_a_unique_index(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    await store.close()
    columns = execute(tmp_path / "store.db", "SELECT name, type FROM pragma_table_info('execution_caches')")
    assert columns == KFP_COLUMNS
    assert execute(tmp_path / "store.db", "PRAGMA journal_mode", DUPLICATE_QUERY) == [("wal",)]
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        execute(tmp_path / "store.db", *["INSERT INTO execution_caches VALUES (NULL, 'a', '', '', -1, 0, 0)"] * 2)


async def test_a_store_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(tmp_path / "new" / "directory" / "store.db")
        await store.open()
        put = await store.put(KEY, a_record())
        await store.close()
    assert not put.stored


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    assert await store.lookup(KEY) is None
    await store.close()


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    error = await refusal(tmp_path)
    assert isinstance(error, InputError)
    assert str(error) == f"{tmp_path} is a directory"


@pytest.mark.parametrize("content", [b"no database, but long enough to be one" * 100, b"short"])
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    error = await refusal(path)
    assert isinstance(error, StoreUnavailableError)
    assert f"{path} is not an SQLite database" in str(error)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = await refusal(tmp_path / "file" / "below" / "store.db")
    assert isinstance(error, StoreUnavailableError)
    assert f"the directory of {tmp_path}/file/below/store.db cannot be made" in str(error)
    assert error.remedy


async def test_a_directory_that_cannot_be_written_is_said(directory: Path) -> None:
    directory.chmod(0o555)
    with unprivileged():
        error = await refusal(directory / "store.db")
        below = await refusal(directory / "below" / "store.db")
    assert isinstance(error, StoreUnavailableError)
    assert f"{directory}/store.db cannot be opened" in str(error)
    assert isinstance(below, StoreUnavailableError)
    assert f"the directory of {directory}/below/store.db cannot be made or looked into" in str(below)


async def test_a_file_that_cannot_be_written_is_said(directory: Path) -> None:
    path = directory / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    path.chmod(0o444)
    directory.chmod(0o555)
    with unprivileged():
        error = await refusal(path)
    directory.chmod(0o755)
    assert isinstance(error, StoreUnavailableError)
    assert str(path) in str(error)
    assert "user who runs this" in error.remedy


async def test_a_newer_schema_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    execute(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    error = await refusal(path)
    assert isinstance(error, StoreUnavailableError)
    assert "newer stepcache" in str(error)
    assert error.remedy.startswith("upgrade stepcache")


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 3", "PRAGMA application_id = 17"]
)
async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "theirs.db"
    execute(path, statement)
    before = path.read_bytes()
    error = await refusal(path)
    assert isinstance(error, InputError)
    assert str(error) == f"{path} is the database of another program"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX idx_cache_key ON execution_caches (ExecutionCacheKey)",
        "CREATE UNIQUE INDEX two ON execution_caches (ExecutionCacheKey, ID)",
        "CREATE UNIQUE INDEX some ON execution_caches (ExecutionCacheKey) WHERE MaxCacheStaleness < 0",
        "CREATE UNIQUE INDEX other ON execution_caches (EndedAtInSec)",
    ],
)
async def test_a_table_whose_keys_are_not_unique_is_refused_with_the_remedy(tmp_path: Path, index: str) -> None:
    path = tmp_path / "store.db"
    execute(path, KFP_TABLE, index)
    error = await refusal(path)
    assert isinstance(error, StoreUnavailableError)
    assert "no unique index on ExecutionCacheKey" in str(error)
    assert error.remedy == f"run: stepcache repair sqlite:///{path}"


async def test_an_index_that_was_dropped_later_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    execute(path, "DROP INDEX uq_execution_caches_key")
    assert "no unique index" in str(await refusal(path))


async def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    execute(path, KFP_TABLE, "ALTER TABLE execution_caches ADD COLUMN Namespace TEXT NOT NULL DEFAULT ''")
    error = await refusal(path)
    assert isinstance(error, StoreUnavailableError)
    assert "Namespace" in str(error)


async def test_kfps_table_with_a_unique_index_is_used_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    execute(
        path,
        KFP_TABLE,
        "CREATE UNIQUE INDEX whatever ON execution_caches (ExecutionCacheKey)",
        f"INSERT INTO execution_caches VALUES (7, '{KEY}', 'template', 'output', -1, 1000, 1001)",
    )
    store = SqliteStore(path)
    await store.open()
    try:
        entry = await store.lookup(KEY)
        assert entry is not None
        assert (entry.id, entry.output, entry.started_at, entry.ended_at) == (7, "output", 1000, 1001)
        assert entry.published_by == "row 7"
        assert (await store.watch([KEY]))[KEY].published_by == "row 7"
        description = await store.describe(KEY)
        assert description is not None
        assert description.parts == "{}"
        await store.count_hits({KEY: 1})
        assert not await store.withdraw(KEY, "row 6")
        published = await publish(store, KEY, a_record("new"), max_staleness=0)
        assert (published.entry.id, published.entry.output) == (7, "new")
        assert not await store.withdraw(KEY, "row 7")
    finally:
        await store.close()


async def test_details_of_a_row_that_another_program_replaced_are_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    try:
        first = await publish(store, KEY, a_record("first"))
        execute(
            path,
            "DELETE FROM execution_caches",
            f"INSERT INTO execution_caches VALUES (NULL, '{KEY}', '', 'theirs', -1, 1000, 1001)",
        )
        entry = await store.lookup(KEY)
        assert entry is not None
        assert entry.published_by == f"row {first.entry.id + 1}"
        assert entry.age > 1_000_000
        assert not await store.withdraw(KEY, first.entry.published_by)
        assert await store.withdraw(KEY, entry.published_by)
    finally:
        await store.close()


async def test_hits_are_counted_through_a_refresh(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await publish(store, KEY)
    await store.count_hits({KEY: 2, a_key("unknown"): 5})
    await publish(store, KEY, max_staleness=0)
    await store.count_hits({KEY: 3})
    await store.close()
    assert execute(path, "SELECT hits FROM execution_details") == [(5,)]


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(8192)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("damage", [cut, scribble])
async def test_a_damaged_file_is_an_error_and_no_miss(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.put(KEY, a_record())
    await store.close()
    damage(path)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailableError, match=f"{path} is damaged"):  # noqa: PT012 - either may notice
        await store.open()
        await store.lookup(KEY)
    await store.close()


async def test_a_full_disk_is_said_and_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    try:
        await publish(store, KEY, a_record("before"))
        writer(store).execute("PRAGMA max_page_count = 40")
        with pytest.raises(StoreUnavailableError, match="no space is left for"):
            await publish(store, a_key("big"), a_record("x" * 1_000_000))
        entry = await store.lookup(KEY)
        assert entry is not None
        assert entry.output == "before"
        assert await store.lookup(a_key("big")) is None
        writer(store).execute("PRAGMA max_page_count = 1000000")
        await publish(store, a_key("later"), a_record("x" * 1_000_000))
    finally:
        await store.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_replaced_file_is_noticed(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.put(KEY, a_record())
    for file in tmp_path.iterdir():
        file.rename(file.with_name(file.name.replace("store", "moved")))
    other = SqliteStore(path)
    if replaced:
        await other.open()
    with pytest.raises(StoreUnavailableError, match="removed or replaced while it was open"):
        await store.put(a_key("another"), a_record())
    await store.close()
    await other.close()


async def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def kind(path: Path) -> str:
        asked.append(path)
        return "nfs4"

    monkeypatch.setattr(place, "network_file_system", kind)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    error = await refusal(tmp_path / "link" / "new" / "store.db")
    assert isinstance(error, InputError)
    assert "network file system (nfs4)" in str(error)
    assert "local disk" in error.remedy
    assert asked == [tmp_path / "real" / "new" / "store.db"]
    assert list((tmp_path / "real").iterdir()) == []


async def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert "needs 3.35" in str(await refusal(tmp_path / "store.db"))


@pytest.mark.parametrize("look", [schema.is_current, schema.can_be_read])
@pytest.mark.parametrize("moment", range(8))
def test_a_file_that_is_made_meanwhile_is_not_foreign(
    tmp_path: Path, look: Callable[[sqlite3.Connection, Path], bool], moment: int
) -> None:
    path = tmp_path / "store.db"
    statements: list[str] = []

    def make(statement: str) -> None:
        statements.append(statement)
        if len(statements) == moment + 1:
            with (
                closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other,
                suppress(sqlite3.OperationalError),  # it may have to wait for who looks
            ):
                other.execute("BEGIN IMMEDIATE")
                schema.create(other, path)
                other.execute("COMMIT")

    with closing(sqlite3.connect(path, isolation_level=None)) as looking:
        looking.set_trace_callback(make)
        assert look(looking, path) in (True, False)
        looking.set_trace_callback(None)
    assert len(statements) > 4
