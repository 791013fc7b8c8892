"""What was executed before, on a database server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from stepcache.stores import history_statements as texts
from stepcache.stores.cache_key import check, check_all
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.reader import SqlReader

if TYPE_CHECKING:
    from stepcache.stores.execution import Execution


class SqlHistory(SqlReader):
    """``stores.history.HistoryStore`` on a server."""

    async def executed_keys(
        self, component: str, namespace: str, *, before: float, limit: int = 2
    ) -> Sequence[str]:
        """See the contract."""
        values = {"component": component, "namespace": namespace, "before": before, "limit": limit}
        return [str(key) for (key,) in await self._fetch(texts.EXECUTED_KEYS, values)]

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
        text = texts.EXECUTIONS if pipeline is None else texts.EXECUTIONS_OF_PIPELINE
        return [Execution(*row) for row in await self._fetch(text, values)]

    async def executions_of(self, key: str, *, limit: int = 100) -> Sequence[Execution]:
        """See the contract."""
        from stepcache.stores.execution import Execution

        check(key)
        rows = await self._fetch(texts.EXECUTIONS_OF_KEY, {"key": key, "limit": limit})
        return [Execution(*row) for row in rows]

    async def parts_of(self, keys: Collection[str]) -> Mapping[str, str]:
        """See the contract."""
        check_all(keys)
        self._check_writable()
        return await self._database.run(self._parts_of, tuple(keys))

    async def keys_from(self, prefix: str, *, limit: int = 2) -> Sequence[str]:
        """See the contract."""
        values = {"first": prefix, "beyond": prefix + texts.BEYOND_HEX, "limit": limit}
        return [str(key) for (key,) in await self._fetch(texts.KEYS_FROM, values)]

    async def _parts_of(self, connection: Connection, keys: tuple[str, ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        for text in texts.parts_of(keys):
            found.update([(str(key), str(parts)) for key, parts in await connection.fetch(self._made(text), {})])
        return found
