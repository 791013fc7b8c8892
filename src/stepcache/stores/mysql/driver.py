"""Sessions of MySQL and MariaDB, by aiomysql."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import aiomysql
from pymysql import err
from pymysql.constants import CLIENT

from stepcache.errors import StepcacheError
from stepcache.stores.mysql import failure
from stepcache.stores.mysql.options import Options
from stepcache.stores.sql.address import Address
from stepcache.stores.sql.connection import DuplicateKeyError, Row, Values
from stepcache.stores.sql.statement import Statement

CONNECT_TIMEOUT: Final = 10.0
_DUPLICATE_KEY: Final = 1062
_UNREACHABLE: Final = 2003
_ISOLATION: Final = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
# Strict: what cannot be stored is refused and not cut. A session that says nothing for a minute is ended.
_SESSION: Final = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES',"
    " innodb_lock_wait_timeout = 5, wait_timeout = 60"
)
# A process that is stopped in the middle of a transaction keeps others out for no longer than this. MySQL has no
# such setting: there the minute is the limit.
_MARIADB: Final = "SET SESSION idle_transaction_timeout = 5"


class _Cursor(aiomysql.Cursor):  # type: ignore[misc]  # aiomysql has no types
    """A cursor that does not ask for warnings: in strict mode what matters is an error, and MySQL 8 warns of
    ``VALUES()`` at every publish, whose successor MariaDB does not know.
    """

    async def _show_warnings(self, conn: object) -> None:
        """Spend no round trip."""


class MysqlConnection:
    """``sql.connection.Connection`` over aiomysql's."""

    def __init__(self, connection: Any) -> None:
        self.raw = connection
        self.in_transaction = False
        self.last_id = 0

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """See ``Connection``."""
        async with self.raw.cursor() as cursor:
            await cursor.execute(statement.text, statement.named(values))
            rows: Sequence[Row] = await cursor.fetchall()
        return rows

    async def execute(self, statement: Statement, values: Values) -> int:
        """See ``Connection``."""
        async with self.raw.cursor() as cursor:
            try:
                await cursor.execute(statement.text, statement.named(values))
            except err.IntegrityError as error:
                if error.args[0] == _DUPLICATE_KEY:
                    raise DuplicateKeyError from error
                raise
            self.last_id = cursor.lastrowid
            return int(cursor.rowcount)

    async def execute_many(self, statement: Statement, many: Sequence[Values]) -> None:
        """See ``Connection``."""
        async with self.raw.cursor() as cursor:
            await cursor.executemany(statement.text, [statement.named(values) for values in many])

    async def begin(self) -> None:
        """See ``Connection``."""
        await self.raw.begin()
        self.in_transaction = True

    async def commit(self) -> None:
        """See ``Connection``."""
        await self.raw.commit()
        self.in_transaction = False

    async def rollback(self) -> None:
        """See ``Connection``."""
        await self.raw.rollback()
        self.in_transaction = False

    def is_usable(self) -> bool:
        """See ``Connection``."""
        return not self.raw.closed

    def abort(self) -> None:
        """See ``Connection``."""
        self.raw.close()

    async def close(self) -> None:
        """See ``Connection``."""
        try:
            await self.raw.ensure_closed()
        except (OSError, err.MySQLError):
            self.raw.close()


class MysqlDriver:
    """``sql.connection.Driver`` for MySQL and MariaDB."""

    def __init__(self, address: Address) -> None:
        """Raises InputError for an address with options that nobody knows."""
        self.address = address
        self._options = Options.parse(address)

    async def connect(self) -> MysqlConnection:
        """See ``Driver``."""
        try:
            raw = await aiomysql.connect(
                user=self.address.user or os.environ.get("USER", "root"),
                password=self.address.password or os.environ.get("MYSQL_PWD", ""),
                db=self.address.database,
                charset="utf8mb4",
                autocommit=True,
                cursorclass=_Cursor,
                # What an UPDATE found counts, equal to what it was or not.
                client_flag=CLIENT.FOUND_ROWS,
                connect_timeout=CONNECT_TIMEOUT,
                **self._options.arguments(),
            )
        except err.OperationalError as error:
            if error.args[0] == _UNREACHABLE:
                raise ConnectionError(str(error.__cause__ or error.args[1])) from error
            raise
        except TimeoutError as error:
            raise ConnectionError(f"no answer within {CONNECT_TIMEOUT:g} seconds") from error
        connection = MysqlConnection(raw)
        try:
            await self._set_up(raw)
        except BaseException:
            connection.abort()
            raise
        return connection

    def is_transient(self, error: BaseException) -> bool:
        """See ``Driver``."""
        return failure.is_transient(error)

    def keeps_session(self, error: BaseException) -> bool:
        """See ``Driver``."""
        return failure.keeps_session(error)

    def explained(self, error: BaseException) -> StepcacheError:
        """See ``Driver``."""
        return failure.explained(error, self.address)

    async def _set_up(self, raw: Any) -> None:
        is_mariadb = "mariadb" in raw.get_server_info().lower()
        async with raw.cursor() as cursor:
            for statement in (_ISOLATION, _SESSION, *((_MARIADB,) if is_mariadb else ())):
                await cursor.execute(statement)
