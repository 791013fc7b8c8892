"""The SQL of looking back, which SQLite and the servers understand alike.

``$clock`` stands for the database's clock in milliseconds, ``$runs`` and ``$tasks`` for the names of two tables.
Conditions are put together from texts of this file; values are always parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from stepcache.stores.entry_browsing import EntryDetails, EntryFilter, EntrySummary, Order
from stepcache.stores.runs import TASK_COLUMNS

NO_LIMIT: Final = 2**63 - 1

_RUNS: Final = """
    SELECT run_id, pipeline, state, holder, created_at, finished_at, namespace, source, parameters, outputs, error
      FROM $runs r"""
_NEWEST_FIRST: Final = " ORDER BY created_at DESC, run_id"
LATEST_RUNS: Final = f"""{_RUNS}
     WHERE NOT EXISTS (SELECT 1
                         FROM $runs n
                        WHERE n.pipeline = r.pipeline
                          AND n.namespace = r.namespace
                          AND n.created_at >= r.created_at
                          AND (n.created_at > r.created_at OR n.run_id < r.run_id)){_NEWEST_FIRST}"""
TASK_ENDS: Final = """
    SELECT name, state, result, saved
      FROM $tasks
     WHERE run_id = :run_id AND (result <> 'none' OR state = 'FAILED')"""
EXECUTED_TASK: Final = f"""
    SELECT {TASK_COLUMNS}
      FROM $tasks
     WHERE cache_key = :key AND result = 'miss' AND published_by = :published_by
     ORDER BY finished_at, run_id, name
     LIMIT 1"""

_STARTED_AT: Final = 'COALESCE(d.started_at, e."StartedAtInSec" * 1000)'
_USED_AT: Final = 'COALESCE(d.used_at, e."EndedAtInSec" * 1000)'
_HITS: Final = "COALESCE(d.hits, 0)"
_SIZE: Final = """COALESCE((SELECT SUM(a.size) FROM execution_artifacts a WHERE a.entry_id = e."ID"), 0)"""
_SUMMARY: Final = f"""$clock, e."ExecutionCacheKey", e."ID", e."MaxCacheStaleness", e."StartedAtInSec",
           e."EndedAtInSec", {_STARTED_AT}, {_USED_AT}, d.published_by, d.namespace, d.pipeline, d.component,
           d.task, d.run_id, d.duration, {_HITS}, {_SIZE}"""
_TEXTS: Final = """e."ExecutionTemplate", e."ExecutionOutput", d.parts"""
_COUNT: Final = 17
"""How many columns a summary has."""
_ENTRIES: Final = """
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e."ID\""""
DETAILS: Final = f'SELECT {_SUMMARY}, {_TEXTS} {_ENTRIES} WHERE e."ExecutionCacheKey" = :key'
OF_TEMPLATE: Final = f"""SELECT {_SUMMARY}, {_TEXTS} {_ENTRIES}
     WHERE e."ID" > :after AND SUBSTR(e."ExecutionTemplate", 1, :length) = :prefix
     ORDER BY e."ID"
     LIMIT :limit"""

_CONDITIONS: Final = {
    "component": "d.component IN (:component, :prefixed)",
    "pipeline": "d.pipeline = :pipeline",
    "namespace": "d.namespace = :namespace",
    "older": f"$clock - {_STARTED_AT} > :older",
    "larger": f"{_SIZE} > :larger",
}
# The range is what an index finds, the comparison what is meant: a collation may have other keys in the range.
_KEY_BEGINS: Final = """e."ExecutionCacheKey" >= :prefix AND e."ExecutionCacheKey" < :above
       AND SUBSTR(e."ExecutionCacheKey", 1, :length) = :prefix"""
_ORDERS: Final = {
    Order.NEWEST: f"{_STARTED_AT} DESC",
    Order.OLDEST: _STARTED_AT,
    Order.LARGEST: f"{_SIZE} DESC",
    Order.HITS: f"{_HITS} DESC",
    Order.UNUSED: _USED_AT,
}


def runs(prefix: str, pipeline: str | None, state: str | None, limit: int) -> tuple[str, dict[str, Any]]:
    """The statement that finds runs, and its values."""
    values: dict[str, Any] = {"limit": limit}
    conditions = []
    if prefix:
        values |= {"prefix": prefix, "length": len(prefix)}
        conditions.append("SUBSTR(run_id, 1, :length) = :prefix")
    for name, value in (("pipeline", pipeline), ("state", state)):
        if value is not None:
            values[name] = value
            conditions.append(f"{name} = :{name}")
    return f"{_RUNS}{_where(conditions)}{_NEWEST_FIRST} LIMIT :limit", values


def entries(wanted: EntryFilter, order: Order, limit: int | None) -> tuple[str, dict[str, Any]]:
    """The statement that finds entries, and its values."""
    given = {
        "component": wanted.component,
        "pipeline": wanted.pipeline,
        "namespace": wanted.namespace,
        "older": None if wanted.older_than is None else round(wanted.older_than * 1000),
        "larger": wanted.larger_than,
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    conditions = [_CONDITIONS[name] for name in values]
    if wanted.prefix:
        conditions.append(_KEY_BEGINS)
        values |= {"prefix": wanted.prefix, "above": f"{wanted.prefix}g", "length": len(wanted.prefix)}
    if wanted.component is not None:
        values["prefixed"] = f"comp-{wanted.component}"
    values["limit"] = NO_LIMIT if limit is None else limit
    ordered = f'{_ORDERS[order]}, e."ID" DESC'
    return f"SELECT {_SUMMARY} {_ENTRIES}{_where(conditions)} ORDER BY {ordered} LIMIT :limit", values


def of_template(prefix: str, after: int, limit: int) -> dict[str, Any]:
    """The values of ``OF_TEMPLATE``."""
    return {"prefix": prefix, "length": len(prefix), "after": after, "limit": limit}


def summary(row: Sequence[Any]) -> EntrySummary:
    """The entry of a row that begins with the columns of a summary."""
    now, key, entry_id, max_staleness, started, ended, started_at, used_at, publisher, *rest = row[:_COUNT]
    namespace, pipeline, component, task, run_id, duration, hits, size = rest
    return EntrySummary(
        key=key,
        id=entry_id,
        max_staleness=max_staleness,
        started_at=started_at / 1000,
        age=(now - started_at) / 1000,
        published_by=f"row {entry_id}" if publisher is None else publisher,
        namespace=namespace or "",
        pipeline=pipeline or "",
        component=component or "",
        task=task or "",
        run_id=run_id or "",
        duration=float(max(0, ended - started)) if duration is None else duration,
        hits=hits,
        used_at=used_at / 1000,
        size=int(size),
    )


def details(row: Sequence[Any]) -> EntryDetails:
    """The entry of a row of ``DETAILS`` or ``OF_TEMPLATE``."""
    template, output, parts = row[_COUNT:]
    return EntryDetails(summary(row), template, output, "{}" if parts is None else parts)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
