"""What may be wrong with a server: one clear sentence each, never a miss, and no password in it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from stepcache.errors import StoreUnavailableError
from stepcache.stores import opening
from stepcache.stores.claim import Granted, Published
from stepcache.stores.opening import open_store
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.opening import open_store as open_server_store
from stepcache.stores.sql.store import SqlStore
from tests.conftest import running
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.server import Server, Session
from tests.stores.sql.sequencer import Gate, Steps
from tests.stores.world import a_claim_id, a_key, a_record, ask, publish

DATABASE = "failing"
KEY = a_key()
WORD = "right word"


@pytest.fixture(scope="module", params=[PostgresqlServer, MariadbServer], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that these tests may break: it waits for the disk at each commit."""
    yield from running(lambda: request.param(durable=True))


@pytest.fixture
async def session(server: Server) -> AsyncIterator[Session]:
    """An administrator's session, with a database that has users of its own."""
    if DATABASE not in server.prepared:
        await server.create(DATABASE)
        async with server.session(DATABASE) as first:
            await server.add_user(first, "guarded", DATABASE)
            await server.add_user(first, "limited", DATABASE, sessions=1)
        store = await open_store(server.url(DATABASE, "guarded", quote(WORD)))
        await store.close()
        server.prepared.add(DATABASE)
    async with server.session(DATABASE) as session:
        yield session


async def impatient(url: str, patience: float = 0.3) -> SqlStore:
    driver, kind = opening.server(url)
    return await open_server_store(driver, kind, patience=patience)


async def refusal(url: str) -> StoreUnavailableError:
    with pytest.raises(StoreUnavailableError) as caught:
        await impatient(url)
    assert WORD not in str(caught.value) + caught.value.remedy
    return caught.value


async def test_wrong_credentials_are_said(server: Server, session: Session) -> None:
    error = await refusal(server.url(DATABASE, "guarded", "wrong"))
    assert "refuses the user or the password" in str(error)
    assert "wrong" not in str(error) + error.remedy
    assert "right user and password" in error.remedy


async def test_a_database_that_is_not_there_is_said(server: Server, session: Session) -> None:
    error = await refusal(server.url("nowhere"))
    assert "there is no database" in str(error)


async def test_a_server_that_is_not_there_is_said(server: Server) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        url = server.url(DATABASE, "guarded", quote(WORD)).replace(str(server.port), str(probe.getsockname()[1]))
        error = await refusal(url)
    assert "cannot be reached" in str(error)
    assert "Connect" in str(error) or "refused" in str(error)


async def test_a_server_that_says_nothing_is_said(server: Server) -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = await refusal(server.url(DATABASE).replace(str(server.port), str(silent.getsockname()[1])))
    assert "gave no answer within 0.3 seconds" in str(error)


async def test_a_command_ends_with_the_code_for_an_unavailable_store(server: Server, session: Session) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "stepcache", "--store", server.url(DATABASE, "guarded", "wrong"), "migrate"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "refuses the user or the password" in done.stderr
    assert ":wrong" not in done.stderr


async def test_a_pool_that_is_used_up_is_said(server: Server, session: Session) -> None:
    store = await impatient(server.url(DATABASE) + "?pool_size=1", patience=1.0)
    steps = Steps(store)
    steps.gate = gate = Gate(0)
    first = asyncio.ensure_future(store.put(KEY, a_record()))
    assert await gate.wait_reached(first)
    store._database.patience = 0.2
    with pytest.raises(StoreUnavailableError, match="all 1 database sessions of this process were in use"):
        await store.lookup(KEY)
    gate.open()
    await first
    assert await store.lookup(KEY) is not None
    await store.close()


async def test_a_server_without_a_session_left_is_waited_for_and_then_said(
    server: Server, session: Session
) -> None:
    url = server.url(DATABASE, "limited", quote(WORD))
    store = await impatient(url)
    error = await refusal(url)
    assert "has no session left" in str(error) or "session" in error.remedy
    waiting = asyncio.ensure_future(impatient(url, patience=20))
    await asyncio.sleep(0)
    await store.close()
    await (await waiting).close()


async def test_a_read_only_database_is_said_and_reads_go_on(server: Server, session: Session) -> None:
    url = server.url(DATABASE, "guarded", quote(WORD))
    store = await impatient(url)
    await store.put(KEY, a_record())
    await store.close()
    await server.make_read_only(session, "guarded", on=True)
    try:
        store = await impatient(url)
        assert await store.lookup(KEY) is not None
        for call in (ask(store, KEY, max_staleness=0), store.put(a_key("other"), a_record())):
            with pytest.raises(StoreUnavailableError, match="is read-only") as caught:
                await call
            assert "primary" in caught.value.remedy
        await store.close()
    finally:
        await server.make_read_only(session, "guarded", on=False)


async def test_what_cannot_be_stored_leaves_the_session_usable(server: Server, session: Session) -> None:
    store = await impatient(server.url(DATABASE) + "?pool_size=1")
    before = await server.sessions(session, DATABASE)
    for _ in range(3):
        with pytest.raises(Exception, match="cannot be stored"):
            await store.put(a_key("bad"), a_record(max_staleness=2**63))
    assert await server.sessions(session, DATABASE) == before
    await store.close()


async def test_the_clock_is_the_servers(server: Server, session: Session) -> None:
    store = await impatient(server.url(DATABASE))
    published = await publish(store, a_key("clock"), max_staleness=0)
    await store.close()
    assert abs(published.entry.started_at - time.time()) < 5
    assert 0 <= published.entry.age < 5


async def worked(store: SqlStore, name: str, acknowledged: list[str], enough: asyncio.Event) -> None:
    """Claim and publish, one key after the other, and note what was acknowledged."""
    number = 0
    while not enough.is_set():
        key = a_key((name, number))
        answer = await ask(store, key, claim_id=a_claim_id())
        if isinstance(answer, Granted):
            published = await store.publish(answer.claim, a_record(key))
            assert isinstance(published, Published)
            acknowledged.append(key)
            number += 1


async def test_a_server_that_dies_under_load_loses_nothing_that_was_acknowledged(server: Server) -> None:
    """P5; and clients connect again by themselves."""
    await server.create("load")
    stores = [await impatient(server.url("load"), patience=60) for _ in range(3)]
    acknowledged: list[str] = []
    enough = asyncio.Event()
    clients = [
        asyncio.ensure_future(worked(store, f"{number} {part}", acknowledged, enough))
        for number, store in enumerate(stores)
        for part in range(2)
    ]

    async def more() -> None:
        before = len(acknowledged)
        async with asyncio.timeout(60):
            while len(acknowledged) < before + 30:
                assert not any(client.done() for client in clients)
                await asyncio.sleep(0.001)

    for _ in range(2):
        await more()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await more()
    enough.set()
    await asyncio.gather(*clients)
    for key in acknowledged:
        entry = await stores[0].lookup(key)
        assert entry is not None, "an acknowledged result is gone"
        assert entry.output == key
    assert await stores[0].duplicates() == []
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_forked_child_is_told_to_open_the_store_again(server: Server, session: Session) -> None:
    import os

    store = await impatient(server.url(DATABASE))
    database: SqlDatabase = store._database
    database._process = os.getpid() + 1  # as the child would see it
    with pytest.raises(StoreUnavailableError, match="forked"):
        await store.lookup(KEY)
    database._process = os.getpid()
    await store.close()
