"""The command of a container component, with KFP's structures and placeholders resolved.

Rules: ``backend/src/v2/component/launcher_v2.go`` (placeholders) and ``kfp.dsl.placeholders`` (structures) of
kubeflow/pipelines. A placeholder without a value stands as it is, as under KFP's launcher.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.parameter_types import to_text

_STRUCTURES = ('{"Concat":', '{"IfPresent":')
_PLACEHOLDER = re.compile(
    r"""\{\{\$(?:\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\[(?P<quote>''|['"])(?P<name>.+?)(?P=quote)\]
        (?:\.(?P<field>uri|path|name|output_file|metadata)(?:\[(?P<inner>''|['"])(?P<key>.+?)(?P=inner)\])?)?
        |\.(?P<run>(?!json_escape)[a-z_]+(?:\.output_file)?))?
        (?:\.json_escape\[(?P<escapes>[0-9]{1,2})\])?\}\}""",
    re.VERBOSE,
)
_MISSING = object()


def resolve(words: Sequence[str], executor_input: Mapping[str, Any], run: Mapping[str, str]) -> list[str]:
    """The words of a command: ``executor_input`` is what the step is told, ``run`` holds the run's placeholders.

    A whole input or output artifact stands for the JSON of what it has, a list of artifacts also where it is one.
    Values are put in once: what looks like a placeholder in a value stays. Raises ValueError for a structure that
    KFP's SDK does not write.
    """
    present = _present(executor_input)
    flat = [word for written in words for word in _structure(written, present)]
    return [_PLACEHOLDER.sub(lambda match: _text(match, executor_input, run), word) for word in flat]


def _present(executor_input: Mapping[str, Any]) -> frozenset[str]:
    """The names of the inputs that have a value."""
    inputs = executor_input["inputs"]
    parameters = {name for name, value in inputs["parameterValues"].items() if value is not None}
    return frozenset(parameters | {name for name, value in inputs["artifacts"].items() if value["artifacts"]})


def _structure(written: str, present: frozenset[str]) -> Iterator[str]:
    if not written.startswith(_STRUCTURES):
        yield written
        return
    try:
        yield from _words(json.loads(written), present)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the command has a structure that cannot be read, {written[:80]!r}: {error}") from error


def _words(structure: JsonValue, present: frozenset[str]) -> Iterator[str]:
    if isinstance(structure, str):
        yield structure
    elif isinstance(structure, list):
        for item in structure:
            yield from _words(item, present)
    elif "Concat" in structure:
        yield "".join(word for item in structure["Concat"] for word in _words(item, present))
    else:
        choice = structure["IfPresent"]
        chosen = choice["Then"] if choice["InputName"] in present else choice.get("Else")
        yield from () if chosen is None else _words(chosen, present)


def _text(match: re.Match[str], executor_input: Mapping[str, Any], run: Mapping[str, str]) -> str:
    value = _value(match, executor_input, run)
    if value is _MISSING:
        return match[0]
    text = _written(value)
    for _ in range(int(match["escapes"] or 0)):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text


def _value(match: re.Match[str], executor_input: Mapping[str, Any], run: Mapping[str, str]) -> JsonValue:
    if match["run"] == "outputs.output_file":
        return executor_input["outputs"]["outputFile"]
    if match["run"] is not None:
        return run.get(match["run"], _MISSING)
    if match["side"] is None:
        return executor_input
    side, name = executor_input[match["side"]], match["name"]
    if match["kind"] == "artifacts":
        return _artifact(side["artifacts"].get(name), match["field"], match["key"])
    if match["side"] == "inputs":
        value = side["parameterValues"].get(name)
        return _MISSING if value is None or match["field"] is not None else value
    parameter = side["parameters"].get(name)
    return _MISSING if parameter is None or match["field"] != "output_file" else parameter["outputFile"]


def _artifact(listed: Mapping[str, Any] | None, field: str | None, key: str | None) -> JsonValue:
    """A field of the first artifact of an input or output; its path is its URI, both being local."""
    if listed is None or not listed["artifacts"] or field == "output_file":
        return _MISSING
    if field is None:
        return listed["artifacts"]
    artifact = listed["artifacts"][0]
    if field == "metadata":
        return artifact["metadata"] if key is None else artifact["metadata"].get(key, _MISSING)
    return artifact["name"] if field == "name" else artifact["uri"]


def _written(value: JsonValue) -> str:
    """A value inside a command. Numbers have no exponent, as Go's ``FormatFloat(…, 'f', -1, 64)`` writes them."""
    if isinstance(value, float):
        return to_text(value) if value.is_integer() and abs(value) < 1e21 else f"{Decimal(repr(value)):f}"
    return to_text(value)
