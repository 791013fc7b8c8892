"""Runs and tasks in SQLite. Each function is the body of one read or of one immediate transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter, itemgetter

from stepcache.light_dataclasses import dataclass
from stepcache.stores.runs import TASK_COLUMNS, RunRow, TaskRow, columns

_SAVE_RUN = """
    INSERT OR REPLACE INTO runs (run_id, pipeline, state, holder, created_at, finished_at, namespace, source,
                                 parameters, outputs, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_RUNS = """
    SELECT run_id, pipeline, state, holder, created_at, finished_at, namespace, source, parameters, outputs, error
      FROM runs"""
_SAVE_TASK = f"INSERT OR REPLACE INTO tasks ({TASK_COLUMNS}) VALUES ({', '.join('?' * len(TaskRow._fields))})"
_OF_EXECUTED = ("reason", "error", "parts", "evidence", "members")
_OF_ALL = tuple(name for name in TaskRow._fields if name not in _OF_EXECUTED)
_SAVE_REUSED_TASK = f"""
    INSERT OR REPLACE INTO tasks ({columns(_OF_ALL)}, {columns(_OF_EXECUTED)})
    VALUES ({", ".join("?" * len(_OF_ALL))}, '', '', '', '', 0)"""
_TASKS = f"SELECT {TASK_COLUMNS} FROM tasks"


_run_columns = attrgetter(*(field.name for field in fields(RunRow)))
_of_executed = itemgetter(*map(TaskRow._fields.index, _OF_EXECUTED))
_of_all = itemgetter(*map(TaskRow._fields.index, _OF_ALL))


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What ``RunStore.finish_run`` was called with."""

    run_id: str
    unless: tuple[str, ...]
    state: str
    finished_at: float
    error: str
    outputs: str


def save_run(connection: sqlite3.Connection, run: RunRow) -> None:
    """Insert or replace."""
    connection.execute(_SAVE_RUN, _run_columns(run))


def save_tasks(connection: sqlite3.Connection, tasks: Sequence[TaskRow]) -> None:
    """Insert or replace all; those that were reused, which may be hundreds at once, by a statement of fewer values.

    Both get tuples: sqlite3 takes half as long again for named ones.
    """
    reused, others = [], []
    for task in tasks:
        if any(_of_executed(task)):
            others.append(tuple(task))
        else:
            reused.append(_of_all(task))
    connection.executemany(_SAVE_REUSED_TASK, reused)
    connection.executemany(_SAVE_TASK, others)


def finish_run(connection: sqlite3.Connection, end: RunEnd) -> bool:
    """Race: an engine that ends its run, and another that takes it for dead. The condition is in the statement
    (``test_a_run_is_finished_once``).
    """
    changed = connection.execute(
        "UPDATE runs SET state = ?, finished_at = ?, error = ?, outputs = ?"
        " WHERE run_id = ? AND state NOT IN (SELECT value FROM json_each(?))",
        (end.state, end.finished_at, end.error, end.outputs, end.run_id, json.dumps(end.unless)),
    ).rowcount
    if changed:
        connection.execute(
            "UPDATE tasks SET state = ?, finished_at = ? WHERE run_id = ? AND state IN ('PENDING', 'RUNNING')",
            (end.state, end.finished_at, end.run_id),
        )
    return changed > 0


def run(connection: sqlite3.Connection, run_id: str) -> RunRow | None:
    """One run."""
    row = connection.execute(_RUNS + " WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else RunRow(*row)


def runs(connection: sqlite3.Connection, state: str | None, limit: int) -> list[RunRow]:
    """Newest first."""
    order = " ORDER BY created_at DESC, run_id LIMIT ?"
    if state is None:
        rows = connection.execute(_RUNS + order, (limit,))
    else:
        rows = connection.execute(_RUNS + " WHERE state = ?" + order, (state, limit))
    return [RunRow(*row) for row in rows]


def tasks(connection: sqlite3.Connection, run_id: str) -> list[TaskRow]:
    """In the order of their position; of those with one position, by name."""
    rows = connection.execute(_TASKS + " WHERE run_id = ? ORDER BY position, name", (run_id,))
    return [TaskRow(*row) for row in rows]
