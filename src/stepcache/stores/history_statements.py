"""The SQL of ``stores.history``, in words that every database understands.

``$tasks`` and ``$runs`` stand for the names of these tables, ``:name`` for a parameter. The condition on ``result``
is written out, so that an index over executed tasks only serves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

_COLUMNS: Final = """t.run_id, r.pipeline, t.name, t.component, t.state, t.cache_key, t.started_at, t.finished_at,
           t.outputs, t.published_by, t.parts"""
_EARLIER: Final = """
      FROM $tasks t
      JOIN $runs r ON r.run_id = t.run_id
     WHERE t.result = 'miss' AND t.component = :component AND t.started_at < :before AND t.parts <> ''
       AND r.namespace = :namespace"""
_NEWEST_FIRST: Final = """
     ORDER BY t.started_at DESC, t.run_id, t.position
     LIMIT :limit"""

EXECUTED_KEYS: Final = f"SELECT DISTINCT t.cache_key {_EARLIER} LIMIT :limit"
EXECUTIONS: Final = f"SELECT {_COLUMNS} {_EARLIER} {_NEWEST_FIRST}"
EXECUTIONS_OF_PIPELINE: Final = f"SELECT {_COLUMNS} {_EARLIER} AND r.pipeline = :pipeline {_NEWEST_FIRST}"
EXECUTIONS_OF_KEY: Final = f"""
    SELECT {_COLUMNS}
      FROM $tasks t
      JOIN $runs r ON r.run_id = t.run_id
     WHERE t.result = 'miss' AND t.cache_key = :key {_NEWEST_FIRST}"""
KEYS_FROM: Final = """
    SELECT "ExecutionCacheKey"
      FROM execution_caches
     WHERE "ExecutionCacheKey" >= :first AND "ExecutionCacheKey" < :beyond
     ORDER BY "ExecutionCacheKey"
     LIMIT :limit"""

_PARTS_OF: Final = """
    SELECT t.cache_key, MIN(t.parts)
      FROM $tasks t
     WHERE t.result = 'miss' AND t.parts <> '' AND t.cache_key IN ($keys)
     GROUP BY t.cache_key"""
_PARTS_OF_ENTRIES: Final = """
    SELECT e."ExecutionCacheKey", d.parts
      FROM execution_caches e
      JOIN execution_details d ON d.entry_id = e."ID"
     WHERE e."ExecutionCacheKey" IN ($keys)"""
_MOST_KEYS: Final = 500

BEYOND_HEX: Final = "g"
"""What sorts behind every hex digit."""


def parts_of(keys: Sequence[str]) -> Iterator[str]:
    """The statements that answer the parts of ``keys``, entries first; what a later one answers goes before.

    The keys are in the text: one that passed the door is 64 hex digits.
    """
    for template in (_PARTS_OF_ENTRIES, _PARTS_OF):
        for start in range(0, len(keys), _MOST_KEYS):
            listed = ",".join([f"'{key}'" for key in keys[start : start + _MOST_KEYS]])
            yield template.replace("$keys", listed)
