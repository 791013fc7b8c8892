"""The SQL of ``stores.statistics``, in words that every database understands.

``$tasks`` and ``$runs`` stand for the names of these tables, ``$interval`` for the number of a run's interval of
time, ``:name`` for a parameter.
"""

from __future__ import annotations

from typing import Final

_SECONDS: Final = """SUM(CASE WHEN t.result IN ('miss', 'off') AND t.finished_at > t.started_at
                    THEN t.finished_at - t.started_at ELSE 0 END)"""
_CAME: Final = """
      FROM $tasks t
      JOIN $runs r ON r.run_id = t.run_id
     WHERE r.created_at >= :since AND t.result IN ('hit', 'shared', 'miss', 'off')"""
_OF_PIPELINE: Final = " AND r.pipeline = :pipeline"
# A DAG that was reused as a whole has the seconds that all of it saved; its tasks are rows of their own, with none.
_COUNT_TASKS: Final = f"""
    SELECT r.pipeline, $interval, t.result, t.reason, SUM(CASE WHEN t.members = 0 THEN 1 ELSE 0 END),
           {_SECONDS}, SUM(t.saved)
    {_CAME} $of_pipeline
     GROUP BY 1, 2, 3, 4"""
_NEVER_REUSED: Final = f"""
    SELECT r.pipeline, t.component, COUNT(*), {_SECONDS}
    {_CAME} $of_pipeline
     GROUP BY 1, 2
    HAVING SUM(CASE WHEN t.result IN ('hit', 'shared') THEN 1 ELSE 0 END) = 0
     ORDER BY 4 DESC, 1, 2
     LIMIT :limit"""
_ENTRIES: Final = """
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."StartedAtInSec" >= :since $of_pipeline"""
_IS_NESTED: Final = """SUBSTR(e."ExecutionTemplate", 1, 6) = '{"dag"'"""
_COUNT_ENTRIES: Final = f"""
    SELECT COUNT(*), COUNT(DISTINCT e."ExecutionCacheKey"), SUM(CASE WHEN {_IS_NESTED} THEN 1 ELSE 0 END),
           SUM(d.hits)
    {_ENTRIES}"""
# The entry of a nested pipeline names what those of its tasks name.
_COUNT_BYTES: Final = f"""
    SELECT COUNT(*), SUM(c.size), SUM(c.size * c.entries)
      FROM (SELECT a.digest, MAX(a.size) AS size, COUNT(*) AS entries
              FROM execution_artifacts a
              JOIN (SELECT e."ID" {_ENTRIES} AND NOT {_IS_NESTED}) f ON f."ID" = a.entry_id
             GROUP BY a.digest) c"""


def count_tasks(interval: str, *, of_pipeline: bool) -> str:
    """``TaskCount``, less the beginning of the interval, of which there is the number."""
    return _COUNT_TASKS.replace("$interval", interval).replace("$of_pipeline", _OF_PIPELINE if of_pipeline else "")


def never_reused(*, of_pipeline: bool) -> str:
    """``Unreused``."""
    return _NEVER_REUSED.replace("$of_pipeline", _OF_PIPELINE if of_pipeline else "")


def count_entries(*, of_pipeline: bool) -> tuple[str, str]:
    """``EntryCount`` in two statements: entries, and artifacts."""
    condition = "AND d.pipeline = :pipeline" if of_pipeline else ""
    return _COUNT_ENTRIES.replace("$of_pipeline", condition), _COUNT_BYTES.replace("$of_pipeline", condition)
