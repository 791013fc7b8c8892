"""The iterations of a ParallelFor: their inputs, and what becomes of their outputs. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stepcache.pipelines import task_inputs
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.model import Component, Iterator, JsonValue
from stepcache.pipelines.values import Values


def iterations(iterator: Iterator, component: Component, inputs: Values) -> list[Values]:
    """The inputs of each iteration; ``inputs`` are the task's own, without the item.

    Raises ValueError, with a sentence for people, for items that are no list or of the wrong type.
    """
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
            {**others, iterator.item_input: task_inputs.typed_item(component, iterator.item_input, item)},
            inputs.artifacts,
        )
        for item in _items(iterator, inputs)
    ]


def collected(component: Component, results: Sequence[Values]) -> Values:
    """Every output as the list of what the iterations left, in the order of the items.

    Lists of parameters from loops inside of this one are nested, those of artifacts flat, as KFP documents
    ``dsl.Collected``. What an iteration did not leave, because a condition skipped its producer, is left out.
    """
    parameters = {name: None for result in results for name in result.parameters}
    artifacts = {name: None for result in results for name in result.artifacts}
    return Values(
        {
            name: [result.parameters[name] for result in results if name in result.parameters]
            for name in (*component.outputs, *parameters)
        },
        {
            name: tuple(artifact for result in results for artifact in result.artifacts.get(name, ()))
            for name in (*component.output_artifacts, *artifacts)
        },
    )


def _items(iterator: Iterator, inputs: Values) -> list[JsonValue]:
    if iterator.raw is not None:
        items = _parsed(iterator.raw)
    elif iterator.input_name in inputs.parameters:
        items = inputs.parameters[iterator.input_name]
        items = _parsed(items) if isinstance(items, str) else items
    else:
        raise ValueError(f"the items to iterate over, '{iterator.input_name}', have no value")
    if not isinstance(items, list):
        shown = json.dumps(items)
        raise ValueError(f"the items to iterate over are no list: {shown[:60]}")  # noqa: TRY004 - bad data
    return items


def _parsed(text: str) -> JsonValue:
    try:
        return plain(json.loads(text))
    except ValueError as error:
        raise ValueError(f"the items to iterate over are not JSON: {error}") from None
