"""Runs and tasks on a database server. Each function is the work of one operation on one session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stepcache.light_dataclasses import dataclass
from stepcache.stores.runs import RunRow, TaskRow
from stepcache.stores.sql.connection import Connection
from stepcache.stores.sql.dialect import Dialect, run_row, task_row


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What ``RunStore.finish_run`` was called with."""

    run_id: str
    unless: tuple[str, ...]
    state: str
    finished_at: float
    error: str
    outputs: str


class RunTable:
    """What can be done to runs and tasks, in the words of ``dialect``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sql = dialect.shared

    async def save_run(self, connection: Connection, run: RunRow) -> None:
        """Insert or replace."""
        await self._dialect.save_run(connection, asdict(run))

    async def save_tasks(self, connection: Connection, tasks: Sequence[TaskRow]) -> None:
        """Insert or replace all, in one order for all writers."""
        newest = {task_id(task.run_id, task.name): task for task in tasks}
        await connection.begin()
        await self._dialect.save_tasks(connection, [_values(name, newest[name]) for name in sorted(newest)])
        await connection.commit()

    async def finish_run(self, connection: Connection, end: RunEnd) -> bool:
        """Race: an engine that ends its run, and another that takes it for dead. The condition is in the statement
        (``test_a_run_is_finished_once``).
        """
        values = asdict(end)
        await connection.begin()
        changed = await self._dialect.finish_run(connection, values, end.unless)
        if changed:
            await connection.execute(self._sql.finish_tasks, values)
        await connection.commit()
        return changed

    async def run(self, connection: Connection, run_id: str) -> RunRow | None:
        """One run."""
        rows = await connection.fetch(self._sql.run, {"run_id": run_id})
        return run_row(rows[0]) if rows else None

    async def runs(self, connection: Connection, state: str | None, limit: int) -> list[RunRow]:
        """Newest first."""
        statement = self._sql.runs if state is None else self._sql.runs_in_state
        return [run_row(row) for row in await connection.fetch(statement, {"state": state, "limit": limit})]

    async def tasks(self, connection: Connection, run_id: str) -> list[TaskRow]:
        """In the order of their position; of those with one position, by name."""
        return [task_row(row) for row in await connection.fetch(self._sql.tasks, {"run_id": run_id})]


def task_id(run_id: str, name: str) -> str:
    """What a task's row is found by. A name may be longer than an index of a server takes; the length before the
    run's ID keeps two pairs from meeting.
    """
    return hashlib.sha256(f"{len(run_id)}:{run_id}{name}".encode(errors="surrogatepass")).hexdigest()


def _values(identity: str, task: TaskRow) -> dict[str, Any]:
    values = task._asdict()
    return {**values, "cache_key": values.pop("key"), "task_id": identity}
