"""One execution for callers that ask the same at the same time, within one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class SingleFlight(Generic[Question, Answer]):
    """Asks once for all who ask while the answer is on its way. Cancelling one caller disturbs no other."""

    def __init__(self, ask: Callable[[Question], Coroutine[Any, Any, Answer]]) -> None:
        self._ask = ask
        self._flights: dict[Question, asyncio.Task[Answer]] = {}

    async def __call__(self, question: Question) -> Answer:
        """The answer. Whatever asking raises, every caller gets."""
        flight = self._flights.get(question)
        if flight is None:
            flight = self._flights[question] = asyncio.ensure_future(self._ask(question))
            flight.add_done_callback(lambda ended: self._landed(question, ended))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Wait for what is on its way."""
        if self._flights:
            await asyncio.wait(tuple(self._flights.values()))

    def _landed(self, question: Question, flight: asyncio.Task[Answer]) -> None:
        del self._flights[question]
        if not flight.cancelled():
            flight.exception()  # looked at, in case that nobody waits for the answer any more
