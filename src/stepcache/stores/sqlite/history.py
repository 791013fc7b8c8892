"""What was executed before, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepcache.stores import history_statements as texts
from stepcache.stores.cache_key import check, check_all
from stepcache.stores.sqlite.database import SqliteDatabase

if TYPE_CHECKING:
    from stepcache.stores.execution import Execution


def _named(template: str) -> str:
    return template.replace("$tasks", "tasks").replace("$runs", "runs")


_EXECUTED_KEYS: Final = _named(texts.EXECUTED_KEYS)
_EXECUTIONS: Final = _named(texts.EXECUTIONS)
_EXECUTIONS_OF_PIPELINE: Final = _named(texts.EXECUTIONS_OF_PIPELINE)
_EXECUTIONS_OF_KEY: Final = _named(texts.EXECUTIONS_OF_KEY)


class SqliteHistory:
    """``stores.history.HistoryStore`` on one file."""

    _database: SqliteDatabase

    async def executed_keys(
        self, component: str, namespace: str, *, before: float, limit: int = 2
    ) -> Sequence[str]:
        """See the contract."""
        values = {"component": component, "namespace": namespace, "before": before, "limit": limit}
        return [key for (key,) in await self._database.read(_fetch, _EXECUTED_KEYS, values)]

    async def executions(
        self, component: str, namespace: str, *, before: float, pipeline: str | None = None, limit: int = 100
    ) -> Sequence[Execution]:
        """See the contract."""
        from stepcache.stores.execution import Execution

        values = {
            "component": component,
            "namespace": namespace,
            "before": before,
            "pipeline": pipeline,
            "limit": limit,
        }
        text = _EXECUTIONS if pipeline is None else _EXECUTIONS_OF_PIPELINE
        return [Execution(*row) for row in await self._database.read_long(_fetch, text, values)]

    async def executions_of(self, key: str, *, limit: int = 100) -> Sequence[Execution]:
        """See the contract."""
        from stepcache.stores.execution import Execution

        check(key)
        values = {"key": key, "limit": limit}
        return [Execution(*row) for row in await self._database.read_long(_fetch, _EXECUTIONS_OF_KEY, values)]

    async def parts_of(self, keys: Collection[str]) -> Mapping[str, str]:
        """See the contract."""
        check_all(keys)
        return await self._database.read_long(_parts_of, tuple(keys))

    async def keys_from(self, prefix: str, *, limit: int = 2) -> Sequence[str]:
        """See the contract."""
        values = {"first": prefix, "beyond": prefix + texts.BEYOND_HEX, "limit": limit}
        return [key for (key,) in await self._database.read(_fetch, texts.KEYS_FROM, values)]


def _fetch(connection: sqlite3.Connection, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return connection.execute(text, values).fetchall()


def _parts_of(connection: sqlite3.Connection, keys: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts.parts_of(keys):
        found.update(connection.execute(_named(text)).fetchall())
    return found
