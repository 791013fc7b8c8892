"""What was executed before: what every store promises to those who explain an execution."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stepcache.stores.execution import Execution


class HistoryStore(Protocol):
    """May raise what methods of ``Store`` may. Nothing here changes anything.

    Times are seconds since the epoch by the clocks of the engines that recorded them.
    """

    async def executed_keys(
        self, component: str, namespace: str, *, before: float, limit: int = 2
    ) -> Sequence[str]:
        """Different keys under which ``component`` was executed by any pipeline of ``namespace``, in no order.

        Only executions that began before ``before``, and whose parts were recorded.
        """

    async def executions(
        self, component: str, namespace: str, *, before: float, pipeline: str | None = None, limit: int = 100
    ) -> Sequence[Execution]:
        """The last of those executions, newest first; with ``pipeline``, of that pipeline only."""

    async def executions_of(self, key: str, *, limit: int = 100) -> Sequence[Execution]:
        """The last executions of one key, newest first, whether their parts were recorded or not."""

    async def parts_of(self, keys: Collection[str]) -> Mapping[str, str]:
        """The parts of each of these keys, as far as an execution or an entry has them: a JSON object."""

    async def keys_from(self, prefix: str, *, limit: int = 2) -> Sequence[str]:
        """Keys of entries that begin with ``prefix``, which is lower-case hex, in their order."""
