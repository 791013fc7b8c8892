"""What operations that only read have in common on a database server."""

from __future__ import annotations

from collections.abc import Sequence

from stepcache.stores.sql.connection import Connection, Row, Values
from stepcache.stores.sql.database import SqlDatabase
from stepcache.stores.sql.dialect import Dialect
from stepcache.stores.sql.statement import Statement


class SqlReader:
    """Runs statements in which ``$runs`` and ``$tasks`` stand for tables, and ``$clock`` for the clock."""

    _database: SqlDatabase
    _dialect: Dialect

    def _check_writable(self) -> None:
        """Raise what a database without our tables is answered with."""
        raise NotImplementedError

    async def _fetch(self, template: str, values: Values) -> Sequence[Row]:
        """The rows of one statement."""
        self._check_writable()
        return await self._database.run(_fetch, self._made(template), values)

    def _made(self, template: str) -> Statement:
        shared = self._dialect.shared
        text = template.replace("$tasks", "stepcache_tasks").replace("$runs", "stepcache_runs")
        return Statement(text.replace("$clock", shared.clock), shared.style)


async def _fetch(connection: Connection, statement: Statement, values: Values) -> Sequence[Row]:
    return await connection.fetch(statement, values)
