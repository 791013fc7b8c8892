"""MariaDB."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import aiomysql
import pymysql

from tests.servers.server import Server, ServerMissingError, Session

_DEADLOCK = 1213  # "try restarting transaction"
_FAST = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync")


def program(name: str) -> str:
    """Where a program of the server is. Raises ServerMissingError."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or shutil.which(name)
    if found is None:
        raise ServerMissingError(
            "MariaDB's server is not installed; on Debian: apt-get install mariadb-server-core mariadb-client-core"
        )
    return found


class _Cursor(aiomysql.Cursor):  # type: ignore[misc]  # aiomysql has no types
    async def _show_warnings(self, conn: object) -> None:
        """That there was nothing to drop is no news."""


class _Session:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, statement: str) -> list[tuple[object, ...]]:
        while True:
            try:
                async with self._connection.cursor() as cursor:
                    await cursor.execute(statement)
                    return list(await cursor.fetchall())
            except pymysql.err.OperationalError as error:
                if error.args[0] != _DEADLOCK:
                    raise


class MariadbServer(Server):
    name = "mariadb"
    identity = "bigint NOT NULL AUTO_INCREMENT"
    long_text = "longtext"
    roomy = ("--innodb-buffer-pool-size=2G",)
    settle = "ANALYZE TABLE"
    unique = "INDEX"
    schema = "DATABASE()"
    sqlalchemy = "mysql+aiomysql://"

    def install(self) -> None:
        program("mariadbd")
        self.run(
            program("mariadb-install-db"),
            *("--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal"),
            *("--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M", *_FAST),
        )
        self._users = True

    def command(self) -> list[str]:
        return [
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.data}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=8M",
            "--max-connections=120",
            "--character-set-server=latin1",  # what the store needs must not be the server's default
            *(() if self.durable else _FAST),
            *self.options,
        ]

    def process_id(self) -> int:
        return int((self.directory / "pid").read_text())

    def is_ready(self) -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), timeout=1)) as probe:
                return bool(probe.recv(5))
        except OSError:
            return False

    def start(self) -> None:
        super().start()
        if self._users:
            self.run(
                program("mariadb"),
                *("--no-defaults", f"--socket={self.directory / 'socket'}", "-uroot", "-e"),
                "CREATE USER stepcache@'127.0.0.1'; GRANT ALL ON *.* TO stepcache@'127.0.0.1';",
            )
            self._users = False

    def url(self, database: str, user: str = "stepcache", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"mysql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    @asynccontextmanager
    async def session(self, database: str | None = None) -> AsyncIterator[Session]:
        connection = await aiomysql.connect(
            unix_socket=str(self.directory / "socket"),
            user="root",
            db=database or "mysql",
            autocommit=True,
            charset="utf8mb4",
            cursorclass=_Cursor,
            init_command="SET SESSION sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES'",
        )
        try:
            yield _Session(connection)
        finally:
            await connection.ensure_closed()

    async def add_user(self, session: Session, user: str, database: str, *, sessions: int = -1) -> None:
        limit = f" WITH MAX_USER_CONNECTIONS {sessions}" if sessions > 0 else ""
        await session.run(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'right word'{limit}")
        await session.run(f"GRANT ALL ON {database}.* TO {user}@'127.0.0.1'")

    async def make_read_only(self, session: Session, user: str, *, on: bool) -> None:
        await session.run(f"SET GLOBAL read_only = {'ON' if on else 'OFF'}")

    async def set_time_zone(self, session: Session, zone: str) -> None:
        await session.run(f"SET GLOBAL time_zone = '{zone}'")

    async def sessions(self, session: Session, database: str) -> int:
        rows = await session.run(
            f"SELECT 1 FROM information_schema.processlist WHERE db = '{database}' AND id <> CONNECTION_ID()"
        )
        return len(rows)

    async def waiting(self, session: Session) -> int:
        # Not from innodb_trx, which tells nothing new to who asks more often than ten times a second.
        ((_, count),) = await session.run("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        return int(str(count))
