"""Sessions of PostgreSQL, by asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from stepcache.errors import StepcacheError
from stepcache.stores.postgresql import failure
from stepcache.stores.sql.address import Address
from stepcache.stores.sql.connection import Row, Values
from stepcache.stores.sql.statement import Statement

CONNECT_TIMEOUT: Final = 10.0
_SESSION: Final = {
    "application_name": "stepcache",
    "default_transaction_isolation": "read committed",
    # A process that is stopped in the middle of a transaction keeps others out for no longer than this.
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    # Watching many keys is estimated to be dear and is not: compiling it would be.
    "jit": "off",
}


class PostgresqlConnection:
    """``sql.connection.Connection`` over asyncpg's."""

    last_id = 0

    def __init__(self, connection: Any) -> None:
        self.raw = connection
        self.in_transaction = False

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """See ``Connection``."""
        rows: Sequence[Row] = await self.raw.fetch(statement.text, *statement.arguments(values))
        return rows

    async def execute(self, statement: Statement, values: Values) -> int:
        """See ``Connection``."""
        status: str = await self.raw.execute(statement.text, *statement.arguments(values))
        return int(status.rpartition(" ")[2])

    async def execute_many(self, statement: Statement, many: Sequence[Values]) -> None:
        """See ``Connection``."""
        await self.raw.executemany(statement.text, [statement.arguments(values) for values in many])

    async def begin(self) -> None:
        """See ``Connection``."""
        await self.raw.execute("BEGIN")
        self.in_transaction = True

    async def commit(self) -> None:
        """See ``Connection``."""
        await self.raw.execute("COMMIT")
        self.in_transaction = False

    async def rollback(self) -> None:
        """See ``Connection``."""
        await self.raw.execute("ROLLBACK")
        self.in_transaction = False

    def is_usable(self) -> bool:
        """See ``Connection``."""
        return not self.raw.is_closed()

    def abort(self) -> None:
        """See ``Connection``."""
        self.raw.terminate()

    async def close(self) -> None:
        """See ``Connection``."""
        try:
            await self.raw.close(timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.raw.terminate()


class PostgresqlDriver:
    """``sql.connection.Driver`` for PostgreSQL."""

    def __init__(self, address: Address) -> None:
        self.address = address
        # A standby answers with what was; unless the URL asks for something else, the primary is meant.
        self._session_attributes = None if "target_session_attrs" in address.options else "primary"

    async def connect(self) -> PostgresqlConnection:
        """See ``Driver``."""
        try:
            raw = await asyncpg.connect(
                self.address.full,
                timeout=CONNECT_TIMEOUT,
                max_cached_statement_lifetime=0,
                server_settings=_SESSION,
                target_session_attrs=self._session_attributes,
            )
        except TimeoutError as error:
            raise ConnectionError(f"no answer within {CONNECT_TIMEOUT:g} seconds") from error
        return PostgresqlConnection(raw)

    def is_transient(self, error: BaseException) -> bool:
        """See ``Driver``."""
        return failure.is_transient(error)

    def keeps_session(self, error: BaseException) -> bool:
        """See ``Driver``."""
        return failure.keeps_session(error)

    def explained(self, error: BaseException) -> StepcacheError:
        """See ``Driver``."""
        return failure.explained(error, self.address)
