"""A ParallelFor: one execution of a task's component for each item, and its outputs collected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stepcache.pipelines import task_inputs
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.model import Component, Iterator, JsonValue
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
        """Every output as the list of what the iterations left, in the order of the items; None if one failed.

        Lists of parameters from loops inside of this one are nested, those of artifacts flat, as KFP documents
        ``dsl.Collected``. What an iteration did not leave, because a condition skipped its producer, is left out.
        After a failure no iteration is started; those that run go on to their end. Raises ValueError for items that
        are no list or of the wrong type, before any iteration.
        """
        iterations = self._iterations()
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
        return None if failed else self._collected(finished)

    def _iterations(self) -> list[Values]:
        """The inputs of each iteration."""
        iterator, inputs = self.iterator, self.inputs
        if iterator.over_artifacts:
            if iterator.input_name not in inputs.artifacts:
                raise ValueError(f"the artifacts to iterate over, '{iterator.input_name}', have no value")
            return [
                Values(inputs.parameters, {**inputs.artifacts, iterator.item_input: (artifact,)})
                for artifact in inputs.artifacts[iterator.input_name]
            ]
        others = {name: value for name, value in inputs.parameters.items() if name != iterator.input_name}
        return [
            Values(
                {**others, iterator.item_input: task_inputs.typed_item(self.component, iterator.item_input, item)},
                inputs.artifacts,
            )
            for item in self._items()
        ]

    def _items(self) -> list[JsonValue]:
        if self.iterator.raw is not None:
            items = _parsed(self.iterator.raw)
        elif self.iterator.input_name in self.inputs.parameters:
            items = self.inputs.parameters[self.iterator.input_name]
            items = _parsed(items) if isinstance(items, str) else items
        else:
            raise ValueError(f"the items to iterate over, '{self.iterator.input_name}', have no value")
        if not isinstance(items, list):
            shown = json.dumps(items)
            raise ValueError(f"the items to iterate over are no list: {shown[:60]}")  # noqa: TRY004 - bad data
        return items

    def _collected(self, results: list[Values]) -> Values:
        parameters = {name: None for result in results for name in result.parameters}
        artifacts = {name: None for result in results for name in result.artifacts}
        return Values(
            {
                name: [result.parameters[name] for result in results if name in result.parameters]
                for name in (*self.component.outputs, *parameters)
            },
            {
                name: tuple(artifact for result in results for artifact in result.artifacts.get(name, ()))
                for name in (*self.component.output_artifacts, *artifacts)
            },
        )


def _parsed(text: str) -> JsonValue:
    try:
        return plain(json.loads(text))
    except ValueError as error:
        raise ValueError(f"the items to iterate over are not JSON: {error}") from None
