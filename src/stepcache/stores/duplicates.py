"""The question whose answer must be nothing (protocol.md, P1)."""

from __future__ import annotations

from typing import Final

DUPLICATE_QUERY: Final = """\
SELECT ExecutionCacheKey, COUNT(*)
  FROM execution_caches
 GROUP BY ExecutionCacheKey
HAVING COUNT(*) > 1"""
