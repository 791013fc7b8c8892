"""PostgreSQL."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.servers.server import Server, ServerMissingError, Session

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_GUARDED = "host all all 127.0.0.1/32 scram-sha-256\n"
_TRUSTED = "host all stepcache 127.0.0.1/32 trust\n"
"""Everybody else needs a password."""


def programs() -> Path:
    """Where Debian, or whoever comes first on the PATH, has the newest server. Raises ServerMissingError."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    import shutil

    initdb = shutil.which("initdb")
    if initdb is None:
        raise ServerMissingError("PostgreSQL's server is not installed; on Debian: apt-get install postgresql")
    return Path(initdb).resolve().parent


class _Session:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, statement: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await self._connection.fetch(statement)]


class PostgresqlServer(Server):
    name = "postgresql"
    identity = "bigserial"
    long_text = "text"
    roomy = ("shared_buffers=1GB",)
    settle = "VACUUM ANALYZE"
    unique = "CONSTRAINT"
    schema = "'public'"
    sqlalchemy = "postgresql+asyncpg://"
    end_signal = signal.SIGQUIT  # its processes end with it

    def install(self) -> None:
        self.run(
            str(programs() / "initdb"),
            *("-D", str(self.data), "-U", "stepcache", "--auth=trust", "--encoding=UTF8", "--no-locale"),
            *("--no-sync", "--wal-segsize=4"),
        )
        rules = self.data / "pg_hba.conf"
        rules.write_text(_TRUSTED + _GUARDED + rules.read_text())

    def command(self) -> list[str]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self.directory}",
            "shared_buffers=64MB",
            "max_connections=120",
            *(() if self.durable else _FAST),
            *self.options,
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        return [str(programs() / "postgres"), "-D", str(self.data), *options]

    def process_id(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        # A server that was killed has left its file behind.
        lives = Path(f"/proc/{lines[0]}").exists()
        return lives and len(lines) > 7 and lines[3] == str(self.port) and lines[7].strip() == "ready"

    def url(self, database: str, user: str = "stepcache", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    @asynccontextmanager
    async def session(self, database: str | None = None) -> AsyncIterator[Session]:
        connection = await asyncpg.connect(self.url(database or "postgres"))
        try:
            yield _Session(connection)
        finally:
            await connection.close()

    async def add_user(self, session: Session, user: str, database: str, *, sessions: int = -1) -> None:
        await session.run(f"CREATE ROLE {user} LOGIN PASSWORD 'right word' CONNECTION LIMIT {sessions}")
        await session.run(f"GRANT ALL ON DATABASE {database} TO {user}")
        await session.run(f"GRANT ALL ON SCHEMA public TO {user}")
        await session.run(f"GRANT pg_read_all_data, pg_write_all_data TO {user}")

    async def make_read_only(self, session: Session, user: str, *, on: bool) -> None:
        await session.run(f"ALTER ROLE {user} SET default_transaction_read_only = {'on' if on else 'off'}")

    async def set_time_zone(self, session: Session, zone: str) -> None:
        await session.run(f"ALTER ROLE stepcache SET timezone = '{zone}'")

    async def sessions(self, session: Session, database: str) -> int:
        ((count,),) = await session.run(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            f" AND datname = '{database}' AND pid <> pg_backend_pid()"
        )
        assert isinstance(count, int)
        return count

    async def waiting(self, session: Session) -> int:
        ((count,),) = await session.run("SELECT COUNT(*) FROM pg_locks WHERE NOT granted")
        assert isinstance(count, int)
        return count
