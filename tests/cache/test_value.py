from __future__ import annotations

import json
from collections import OrderedDict
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from stepcache.artifacts.artifact import Artifact
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache import value
from stepcache.cache.output import Output
from stepcache.errors import InputError
from tests.cache.test_output import json_values


class Number(IntEnum):
    ONE = 1


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifactStore:
    return LocalArtifactStore.open(tmp_path / "artifacts")


@given(json_values)
def test_json_values_are_read_back_as_they_were(given_value: Any) -> None:
    output, kept = value.store(given_value, NoArtifacts())
    assert kept is given_value
    back = value.load(Output.from_text(output.to_text()), NoArtifacts())
    assert json.dumps(back) == json.dumps(given_value)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


REFUSED = {
    "tuple": ((1, 2), "the value would not be read back from JSON as it is: a tuple"),
    "inner tuple": ({"a": [0, (1,)]}, "the value['a'][1] would not be read back from JSON as it is: a tuple"),
    "int key": ({1: 2}, "the value would not be read back from JSON as it is: a dictionary with the keys [1]"),
    "None key": ({"a": {None: 2}}, "the value['a'] would not be read back"),
    "kind of dict": (OrderedDict(a=1), "a OrderedDict"),
    "enum": ([Number.ONE], "the value[0] would not be read back from JSON as it is: a Number"),
    "nan": (float("nan"), "cannot be stored as JSON"),
    "infinity": ([float("inf")], "cannot be stored as JSON"),
    "set": ({1, 2}, "cannot be stored as JSON"),
    "object": (object(), "cannot be stored as JSON"),
    "bytearray": (bytearray(b"x"), "cannot be stored as JSON"),
    "cycle": (CYCLE, "cannot be stored as JSON"),
    "too deep": (DEEP, "cannot be stored as JSON"),
    "too long a number": (10**5000, "cannot be stored as JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_be_read_back_as_it_is_is_refused(name: str) -> None:
    refused, where = REFUSED[name]
    with pytest.raises(InputError) as error:
        value.store(refused, NoArtifacts())
    assert where in str(error.value)
    assert "bytes, a JSON value, or a pathlib.Path" in error.value.remedy


def test_bytes_are_an_artifact(artifacts: LocalArtifactStore) -> None:
    output, kept = value.store(b"\x00\xff", artifacts)
    assert kept == b"\x00\xff"
    assert [item.size for item in output.artifacts] == [2]
    assert value.load(output, artifacts) == b"\x00\xff"


def test_a_path_moves_into_the_artifact_store(artifacts: LocalArtifactStore, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_text("model")
    output, kept = value.store(made, artifacts)
    assert not made.exists()
    assert isinstance(kept, Path)
    assert kept.read_text() == "model"
    assert value.load(output, artifacts) == kept


def test_a_path_to_nothing_is_refused(artifacts: LocalArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        value.store(tmp_path / "nothing", artifacts)


def test_the_output_of_a_task_is_no_value() -> None:
    documents: list[Any] = [{"parameters": {}}, None, 7, {"once": "bytes"}]
    for document in documents:
        with pytest.raises(InputError, match="pipeline's task"):
            value.load(Output(document), NoArtifacts())


class NoArtifacts(LocalArtifactStore):
    """For values that are no artifacts: any use fails."""

    def __init__(self) -> None:
        pass

    def ingest_bytes(self, data: bytes) -> Artifact:
        raise AssertionError
