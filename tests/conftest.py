"""Database servers for all tests that ask for one: started when the first does, ended with the session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.servers.mariadb import MariadbServer
from tests.servers.missing import missing
from tests.servers.postgresql import PostgresqlServer
from tests.servers.server import S, Server, ServerMissingError

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile everything anew


def running(make: Callable[[], S]) -> Iterator[S]:
    """A running server. Without the programs a test is skipped; where CI=true is set, it fails."""
    try:
        server = make()
    except ServerMissingError as error:
        missing(str(error))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    yield from running(PostgresqlServer)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    yield from running(MariadbServer)


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server, one after the other."""
    found = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(found, Server)
    return found
