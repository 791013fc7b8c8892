"""Whether a component was executed before: what tells a change from what is seen for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stepcache.cache.reason import Reason

if TYPE_CHECKING:
    from stepcache.stores.history import HistoryStore


class EarlierExecutions:
    """Executions that began before one run did, or before one plan was made.

    Those of the run itself do not count, so that the iterations of a loop do not differ by which was first, and a
    plan says what the run says. The store is asked at a miss only, once for each component.
    """

    def __init__(self, history: HistoryStore, namespace: str, before: float) -> None:
        self._history = history
        self._namespace = namespace
        self._before = before
        self._keys: dict[str, Sequence[str]] = {}

    async def reason(self, reason: Reason, component: str, key: str) -> Reason:
        """``reason``, or in the place of ``FIRST_SEEN`` ``CHANGED``, when ``component`` was executed under another
        key. Raises StoreUnavailableError.
        """
        if reason is not Reason.FIRST_SEEN:
            return reason
        keys = self._keys.get(component)
        if keys is None:
            # Two keys are enough: at least one of them is another.
            keys = await self._history.executed_keys(component, self._namespace, before=self._before, limit=2)
            self._keys[component] = keys
        return Reason.CHANGED if any(other != key for other in keys) else reason
