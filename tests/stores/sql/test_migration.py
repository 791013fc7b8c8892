"""The tables of a store on a server: made in an empty database, changed by ``migrate``, refused where unfit."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from stepcache.errors import InputError, StepcacheError, StoreUnavailableError
from stepcache.stores import opening
from stepcache.stores.claim import Granted, Published
from stepcache.stores.entry import ArtifactReference, Description, Record
from stepcache.stores.opening import FullStore, Migrated
from stepcache.stores.runs import TaskRow
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.schema import VERSIONS
from stepcache.stores.sql.store import SqlStore
from tests.servers.server import Server, Session, until_gone
from tests.stores.suite_runs import RUN, TASK
from tests.stores.world import a_key, a_record, ask, publish

DATABASE = "migration"
KEY = a_key()
DESCRIPTION = Description("namespace", "pipeline", "component", "task", "run", 1.5, '{"a": 1}')
KFP_TABLE = """CREATE TABLE execution_caches (
    "ID" {identity} PRIMARY KEY,
    "ExecutionCacheKey" varchar(191) NOT NULL,
    "ExecutionTemplate" {long_text} NOT NULL,
    "ExecutionOutput" {long_text} NOT NULL,
    "MaxCacheStaleness" bigint NOT NULL,
    "StartedAtInSec" bigint NOT NULL,
    "EndedAtInSec" bigint NOT NULL)"""
KFP_INDEX = 'CREATE INDEX idx_cache_key ON execution_caches ("ExecutionCacheKey")'


@pytest.fixture
async def session(server: Server) -> AsyncIterator[Session]:
    """Another program's session with an empty database, in which nobody else has one when the test is over."""
    await server.create(DATABASE)
    async with server.session(DATABASE) as session:
        yield session
        assert await until_gone(server, session, DATABASE) == 0


@pytest.fixture
def url(server: Server) -> str:
    return server.url(DATABASE)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[FullStore]:
    store = await opening.open_store(url)
    try:
        yield store
    finally:
        await store.close()


async def refusal(url: str) -> StepcacheError:
    with pytest.raises(StepcacheError) as caught:
        await opening.open_store(url)
    return caught.value


async def upgraded(url: str, version: str) -> None:
    """Make the tables as they were at ``version``."""
    driver, kind = opening.server(url)
    await kind.upgrade(driver, version)


async def kfp_table(server: Server, session: Session, *statements: str) -> None:
    for statement in (KFP_TABLE.format(identity=server.identity, long_text=server.long_text), *statements):
        await session.run(statement)


def row(key: str, output: str, started: int = 1000, max_staleness: int = -1) -> str:
    return (
        'INSERT INTO execution_caches ("ExecutionCacheKey", "ExecutionTemplate", "ExecutionOutput",'
        ' "MaxCacheStaleness", "StartedAtInSec", "EndedAtInSec")'
        f" VALUES ('{key}', 'template', '{output}', {max_staleness}, {started}, {started + 1})"
    )


async def tables(session: Session, server: Server) -> set[object]:
    rows = await session.run(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = {server.schema}"
    )
    return {name for (name,) in rows}


def differences(connection: Any) -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from stepcache.stores.sql.schema import VERSION_TABLE
    from stepcache.stores.sql.tables import METADATA

    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, METADATA))


async def test_migrations_give_the_declared_tables(session: Session, server: Server, url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    driver, kind = opening.server(url)
    await kind.upgrade(driver, "head")

    async def creator() -> Any:
        connection: Any = await driver.connect()
        return connection.raw

    engine = create_async_engine(server.sqlalchemy, async_creator=creator)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_the_versions_are_those_of_the_migrations() -> None:
    from pathlib import Path

    from alembic.script import ScriptDirectory

    from stepcache.stores.sql import migration

    script = ScriptDirectory(str(Path(migration.__file__).with_name("migrations")))
    assert tuple(reversed([revision.revision for revision in script.walk_revisions()])) == VERSIONS
    assert script.get_heads() == [VERSIONS[-1]]


async def test_an_empty_database_gets_its_tables_when_it_is_first_used(session: Session, url: str) -> None:
    async with opened(url) as store:
        published = await publish(store, KEY)
    async with opened(url) as store:
        entry = await store.lookup(KEY)
        assert entry == replace(published.entry, age=entry.age if entry else 0)
    assert await opening.migrate(url) == Migrated(store.url, VERSIONS[-1], VERSIONS[-1])


async def test_many_may_use_an_empty_database_first(session: Session, url: str) -> None:
    stores = await asyncio.gather(*(opening.open_store(url) for _ in range(5)))
    puts = await asyncio.gather(*(store.put(KEY, a_record()) for store in stores))
    await asyncio.gather(*(store.close() for store in stores))
    assert sum(put.stored for put in puts) == 1


@pytest.mark.parametrize("version", VERSIONS[:-1])
async def test_what_an_older_release_stored_survives(session: Session, url: str, version: str) -> None:
    await upgraded(url, version)
    driver, kind = opening.server(url)
    database = SqlDatabase(driver)
    store = SqlStore(database, kind.dialect(kind.clock))
    record = Record(
        "output", template="template", description=DESCRIPTION, artifacts=(ArtifactReference("a" * 64, 7),)
    )
    published = await publish(store, KEY, record)
    await store.count_hits({KEY: 3})
    held = await ask(store, a_key("held"), "holder")
    assert isinstance(held, Granted)
    await store.settle("place", "/here")
    await store.save_run(RUN)
    since_0003 = ", '', 0, ''" if version >= "0003" else ""
    await session.run(
        "INSERT INTO stepcache_tasks VALUES ('id', 'run 1', 'fit', 1, 'SUCCEEDED', 'fit', 'miss', 'first_seen',"
        f" '{KEY}', 2.5, 3.5, 'fit.log', '', '{{}}'{since_0003})"
    )
    await store.close()

    error = await refusal(url)
    assert isinstance(error, StoreUnavailableError)
    assert "was made by an older stepcache" in str(error)
    assert error.remedy == f"run: stepcache --store {url} migrate"
    assert (await opening.migrate(url)).before == version

    async with opened(url) as after:
        entry = await after.lookup(KEY)
        assert entry == replace(published.entry, age=entry.age if entry else 0)
        assert await after.describe(KEY) == DESCRIPTION
        assert isinstance(await after.publish(held.claim, a_record()), Published)
        assert await after.settled("place") == "/here"
        assert await after.run(RUN.run_id) == RUN
        task = TaskRow("run 1", "fit", 1, "SUCCEEDED", "fit", "miss", "first_seen", KEY, 2.5, 3.5, log="fit.log")
        assert list(await after.tasks(RUN.run_id)) == [task]
    assert await session.run("SELECT hits FROM execution_details ORDER BY entry_id") == [(3,), (0,)]
    assert await session.run("SELECT digest, size FROM execution_artifacts") == [("a" * 64, 7)]


async def test_a_migration_that_was_killed_is_gone_on_with(session: Session, server: Server, url: str) -> None:
    await upgraded(url, "head")
    await session.run("DROP TABLE stepcache_schema")
    await session.run("DROP TABLE stepcache_tasks")
    async with opened(url) as store:
        await store.save_tasks([TASK])
    assert {"stepcache_schema", "stepcache_tasks"} <= await tables(session, server)


async def test_a_newer_version_is_refused(session: Session, url: str) -> None:
    await upgraded(url, "head")
    await session.run("UPDATE stepcache_schema SET version_num = '9999'")
    error = await refusal(url)
    assert "newer stepcache (its schema version is 9999" in str(error)
    assert error.remedy.startswith("upgrade stepcache")
    with pytest.raises(StoreUnavailableError, match="newer stepcache"):
        await opening.migrate(url)


async def test_kfps_table_with_a_unique_index_is_used_with_its_rows(
    session: Session, server: Server, url: str
) -> None:
    await kfp_table(server, session, KFP_INDEX, row(KEY, "kfp"))
    await session.run('CREATE UNIQUE INDEX whatever ON execution_caches ("ExecutionCacheKey")')
    async with opened(url) as store:
        entry = await store.lookup(KEY)
        assert entry is not None
        assert (entry.output, entry.started_at, entry.ended_at) == ("kfp", 1000, 1001)
        assert entry.published_by == f"row {entry.id}"
        assert (await store.watch([KEY]))[KEY].published_by == entry.published_by
        assert await store.describe(KEY) == Description()
        assert not await store.withdraw(KEY, "row 0")
        published = await publish(store, KEY, a_record("new"), max_staleness=0)
        assert (published.entry.id, published.entry.output) == (entry.id, "new")
        assert not await store.withdraw(KEY, entry.published_by)


async def test_kfps_table_without_one_is_opened_for_reading_only(
    session: Session, server: Server, url: str
) -> None:
    await kfp_table(
        server, session, KFP_INDEX, row(KEY, "old", 1000), row(KEY, "new", 2000), row(KEY, "older", 500)
    )
    remedy = f"run: stepcache repair {url}"
    async with opened(url) as store:
        entry = await store.lookup(KEY)
        assert entry is not None
        assert entry.output == "new"  # as KFP answers
        assert await store.describe(KEY) == Description()
        assert await store.duplicates() == [(KEY, 3)]
        for call in (
            ask(store, KEY),
            store.put(KEY, a_record()),
            store.withdraw(KEY, "row 1"),
            store.invalidate(KEY),
            store.count_hits({KEY: 1}),
            store.settle("a", "b"),
            store.save_run(RUN),
        ):
            with pytest.raises(StoreUnavailableError, match="no unique index on ExecutionCacheKey") as caught:
                await call
            assert caught.value.remedy == remedy
    with pytest.raises(StoreUnavailableError) as refused:
        await opening.migrate(url)
    assert refused.value.remedy == remedy
    assert await tables(session, server) == {"execution_caches"}


@pytest.mark.parametrize(
    "index",
    [
        'CREATE UNIQUE INDEX two ON execution_caches ("ExecutionCacheKey", "ID")',
        'CREATE UNIQUE INDEX other ON execution_caches ("EndedAtInSec")',
    ],
)
async def test_another_unique_index_will_not_do(session: Session, server: Server, url: str, index: str) -> None:
    await kfp_table(server, session, index)
    async with opened(url) as store:
        with pytest.raises(StoreUnavailableError, match="no unique index"):
            await store.put(KEY, a_record())


async def test_an_index_that_was_dropped_later_is_missed(session: Session, server: Server, url: str) -> None:
    async with opened(url) as store:
        await store.put(KEY, a_record())
    await session.run(f"ALTER TABLE execution_caches DROP {server.unique} uq_execution_caches_key")
    async with opened(url) as store:
        assert await store.lookup(KEY) is not None
        with pytest.raises(StoreUnavailableError, match="no unique index"):
            await store.put(KEY, a_record())


async def test_the_table_of_kfp_2_18_is_refused(session: Session, server: Server, url: str) -> None:
    await kfp_table(server, session, "ALTER TABLE execution_caches ADD COLUMN \"Namespace\" varchar(63) DEFAULT ''")
    error = await refusal(url)
    assert isinstance(error, StoreUnavailableError)
    assert "Namespace" in str(error)


async def test_keys_are_compared_byte_for_byte(session: Session, url: str) -> None:
    """Text collations of MySQL take ``abc``, ``ABC`` and ``abc `` for one."""
    async with opened(url):
        pass
    for key in ("abc", "ABC"):
        await session.run(row(key, "output"))
    assert await session.run("SELECT COUNT(*) FROM execution_caches") == [(2,)]


def migrate_command(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepcache", "--store", url, "migrate", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_command_says_what_it_did(session: Session, url: str) -> None:
    await upgraded(url, VERSIONS[0])
    done = await asyncio.to_thread(migrate_command, url)
    assert (done.returncode, done.stdout) == (0, f"{url} was brought from version 0001 to {VERSIONS[-1]}\n"), (
        done.stderr
    )
    done = await asyncio.to_thread(migrate_command, url, "--json")
    assert json.loads(done.stdout) == {
        "store": url,
        "before": VERSIONS[-1],
        "after": VERSIONS[-1],
        "changed": False,
    }


@pytest.mark.parametrize("bad", ["memory://", "http://host"])
async def test_there_is_nothing_to_migrate_elsewhere(bad: str) -> None:
    with pytest.raises(InputError, match="no tables to migrate"):
        await opening.migrate(bad)


async def test_an_empty_database_is_read_as_no_store(session: Session, url: str) -> None:
    assert await opening.open_to_read(url) is None
    async with opened(url) as store:
        await publish(store, KEY)
    reading = await opening.open_to_read(url)
    assert reading is not None
    try:
        assert await reading.lookup(KEY) is not None
        assert (await reading.watch([KEY]))[KEY].busy is None
        assert await reading.settled("artifacts") is None
    finally:
        await reading.close()
