"""A ParallelFor: one execution of a task's component for each item, and its outputs collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import loop_items
from stepcache.pipelines.model import Component, Iterator
from stepcache.pipelines.values import Values

Iterate = Callable[[int, Values], Awaitable[Values | None]]
"""Executes one iteration with its inputs and answers its outputs; None when it failed, which it has recorded."""


@dataclass(frozen=True, slots=True)
class LoopRun:
    """The iterations of one task; ``inputs`` are the task's own, without the item."""

    iterator: Iterator
    component: Component
    inputs: Values

    async def outputs(self, iterate: Iterate) -> Values | None:
        """The outputs of all iterations (``loop_items.collected``); None if one failed.

        After a failure no iteration is started; those that run go on to their end. Raises ValueError for items that
        are no list or of the wrong type, before any iteration.
        """
        iterations = loop_items.iterations(self.iterator, self.component, self.inputs)
        limit = asyncio.Semaphore(self.iterator.parallelism or max(1, len(iterations)))
        results: list[Values | None] = [None] * len(iterations)
        failed = False

        async def run(index: int) -> None:
            nonlocal failed
            async with limit:
                if self.iterator.parallelism and failed:
                    return
                results[index] = await iterate(index, iterations[index])
                failed = failed or results[index] is None

        async with asyncio.TaskGroup() as group:
            for index in range(len(iterations)):
                group.create_task(run(index))
        finished = [result for result in results if result is not None]
        return None if failed else loop_items.collected(self.component, finished)
