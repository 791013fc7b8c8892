"""What runs were asked, kept so that it can be asked again."""

from __future__ import annotations

from typing import Protocol

from stepcache.stores.runs import RunRow


class RequestStore(Protocol):
    """What every store promises about the requests of runs. May raise what methods of ``Store`` may."""

    async def begin_run(self, run: RunRow, request: str) -> None:
        """Save the run with its request, any text, both or neither. Idempotent: both replace what was there."""

    async def request(self, run_id: str) -> str | None:
        """The request that the run was begun with; None when none was kept."""
