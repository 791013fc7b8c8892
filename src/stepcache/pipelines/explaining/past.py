"""What was executed before one moment, read once for all that is compared with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stepcache.pipelines.explaining.nearest import Candidate, flat, nearest
from stepcache.stores.execution import Execution
from stepcache.stores.history import HistoryStore

_MOST = 200
"""How many of the last executions of a component are compared: more than a loop usually has iterations."""


class Past:
    """Executions of one namespace that began before ``before``."""

    def __init__(self, history: HistoryStore, namespace: str, before: float) -> None:
        self._history = history
        self._namespace = namespace
        self._before = before
        self._read: dict[tuple[str, str | None], tuple[Sequence[Execution], Sequence[Candidate]]] = {}

    async def nearest(self, component: str, pipeline: str, key: str, parts: Mapping[str, Any]) -> Execution | None:
        """The execution of ``component`` under another key from which ``parts`` differ least.

        Those of the same pipeline go before those of any other; of several, the most recent is taken.
        """
        given = flat(parts)
        for where in (pipeline, None):
            executions, candidates = await self._candidates(component, where)
            found = nearest(key, given, candidates)
            if found is not None:
                return executions[found.number]
        return None

    async def last_of(self, key: str) -> Sequence[Execution]:
        """Executions of the key itself, newest first."""
        return [one for one in await self._history.executions_of(key) if one.started_at < self._before]

    async def _candidates(
        self, component: str, pipeline: str | None
    ) -> tuple[Sequence[Execution], Sequence[Candidate]]:
        known = self._read.get((component, pipeline))
        if known is None:
            executions = await self._history.executions(
                component, self._namespace, before=self._before, pipeline=pipeline, limit=_MOST
            )
            first: dict[str, int] = {}
            for number, execution in enumerate(executions):
                first.setdefault(execution.key, number)
            candidates = [
                Candidate(number, key, flat(json.loads(executions[number].parts))) for key, number in first.items()
            ]
            known = self._read[component, pipeline] = executions, candidates
        return known
