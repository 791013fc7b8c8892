"""A server whose disk is full: a clear error, and nothing that was stored is lost (never a miss)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from stepcache.errors import StoreUnavailableError
from stepcache.stores import opening
from stepcache.stores.sql.opening import open_store
from stepcache.stores.sql.store import SqlStore
from tests.conftest import running
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.server import Server
from tests.stores.world import a_key, a_record, grant, publish

KEY = a_key()
DATABASE = "full"


class SmallMariadb(MariadbServer):
    """All tables share one file, which may not grow beyond its limit."""

    def __init__(self) -> None:
        super().__init__(
            options=("--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:32M")
        )


class SmallPostgresql(PostgresqlServer):
    """No file of a table may grow beyond the limit of its processes; the log's are smaller."""

    def command(self) -> list[str]:
        return ["prlimit", f"--fsize={8 * 2**20}", *super().command()]


@pytest.fixture(scope="module", params=[SmallPostgresql, SmallMariadb], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    yield from running(request.param)


@pytest.fixture
async def store(server: Server) -> AsyncIterator[SqlStore]:
    await server.create(DATABASE)
    driver, kind = opening.server(server.url(DATABASE))
    store = await open_store(driver, kind, patience=20)
    yield store
    await store.close()


async def test_a_full_disk_is_said_and_costs_nothing_that_was_stored(store: SqlStore) -> None:
    published = await publish(store, KEY, a_record("before"))
    granted = await grant(store, a_key("big"))
    refused = None
    for _ in range(12):
        try:
            # Twice in hexadecimal: no database gets such a text small.
            await store.put(
                a_key(os.urandom(8)), a_record(os.urandom(2**20).hex(), template=os.urandom(2**20).hex())
            )
        except StoreUnavailableError as error:
            refused = error
            break
    assert refused is not None
    assert "no space is left for" in str(refused)
    assert refused.remedy.startswith("free some")
    entry = await store.lookup(KEY)
    assert entry is not None
    assert (entry.output, entry.published_by) == ("before", published.entry.published_by)
    with pytest.raises(StoreUnavailableError):
        await store.publish(granted.claim, a_record(os.urandom(4 * 2**20).hex()))
    assert await store.lookup(a_key("big")) is None
    assert await store.duplicates() == []
    held = (await store.watch([a_key("big")]))[a_key("big")].busy
    assert held is not None
    assert held.claim_id == granted.claim.claim_id  # nothing was half done
