import dataclasses
import json
from typing import Any

import pytest

from stepcache.keys.dag import DagParts, dag_key, stored_parts
from stepcache.keys.strict import InputArtifact

DATA = InputArtifact("data", {"schemaTitle": "system.Dataset"}, "ab" * 32, {"rows": 3})
PARTS = DagParts(
    content="c" * 64,
    namespace="team",
    input_parameters={"n": 3},
    input_artifacts={"data": [DATA]},
    surroundings={"executors": {"exec-a": {"kind": "subprocess"}}},
)
CHANGES: dict[str, Any] = {
    "content": "d" * 64,
    "namespace": "other",
    "input_parameters": {"n": 4},
    "input_artifacts": {"data": [dataclasses.replace(DATA, digest="cd" * 32)]},
    "surroundings": {},
}


def test_a_key_is_made_of_every_part() -> None:
    keys = {dag_key(dataclasses.replace(PARTS, **{name: value})) for name, value in CHANGES.items()}
    assert CHANGES.keys() == {field.name for field in dataclasses.fields(PARTS)}
    assert len({*keys, dag_key(PARTS)}) == len(CHANGES) + 1


def test_the_key_is_what_it_always_was() -> None:
    assert dag_key(PARTS) == "1b468287aafaef845d0dbc9d86f21b4bc5cb1e6e454ce5a6224c6f494785f57c"
    assert dag_key(dataclasses.replace(PARTS, input_parameters={"n": 3.0})) == dag_key(PARTS)


def test_namespaces_do_not_meet() -> None:
    assert dag_key(DagParts("ab", namespace="c")) != dag_key(DagParts("b", namespace="ca"))


def test_the_parts_are_kept_as_json() -> None:
    kept = json.loads(json.dumps(stored_parts(PARTS)))
    assert (kept["scheme"], kept["namespace"]) == ("dag-1", "team")
    assert kept["input_artifacts"]["data"][0]["digest"] == "ab" * 32


def test_what_is_no_number_has_no_key() -> None:
    with pytest.raises(ValueError, match="cannot be part of a key"):
        dag_key(dataclasses.replace(PARTS, input_parameters={"n": float("nan")}))
