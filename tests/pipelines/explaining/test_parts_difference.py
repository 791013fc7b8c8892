"""Every kind of part, changed alone, is named alone."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from stepcache.executors.environments.lock import Lock
from stepcache.keys import dag, strict
from stepcache.keys.dag import DagParts
from stepcache.keys.strict import Component, CustomKey, InputArtifact, Parts
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.explaining.parts_difference import compare, nothing_known
from tests.pipelines.compiled import SHELL

Document = dict[str, Any]
LOCKS = {lock.digest: lock for lock in (Lock("alpha==1.0\nbeta==1.0"), Lock("alpha==1.0\nbeta==2.0"))}
ONE, TWO = LOCKS
SOURCE = "def train():\n    return 1\n"


def _seal(value: str) -> str:
    return f"hmac-sha256:{hashlib.sha256(value.encode()).hexdigest()}"


def stored(**changes: Any) -> Document:
    parts = Parts(
        component=Component(
            image="python:3.11",
            command=("sh", "-ec", SHELL, SOURCE),
            args=("--executor_input", "{{$}}", "--function_to_execute", "train"),
            output_parameters={"Output": "STRING"},
            output_artifacts={"model": {"type": {"schemaTitle": "system.Model"}, "metadata": {}, "list": False}},
            pvc_names=("data",),
        ),
        namespace="team",
        input_parameters={"epochs": 3, "sealed": _seal("one")},
        input_artifacts={"data": [InputArtifact("data", {}, "ab" * 32, {"rows": 1})]},
        env={"MODE": "slow"},
        secrets=("db",),
        executor={"kind": "subprocess", "python": "3.11.7", "platform": "linux-x86_64", "lock": ONE},
    )
    found = strict.stored_parts(parts, _seal)
    for path, value in changes.items():
        holder = found
        *way, last = path.split("__")
        for name in way:
            holder = holder[name]
        holder[last] = value
    return copy.deepcopy(found)


def named(old: Document, new: Document) -> list[str]:
    return [f"{one.part} {one.name}".rstrip() for one in compare(old, new, LOCKS.get)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input_parameters__epochs": 4}, "parameter epochs"),
        ({"input_parameters__epochs": True}, "parameter epochs"),
        ({"input_parameters__sealed": _seal("two")}, "parameter sealed"),
        (
            {"input_artifacts__data": [{"name": "data", "type": {}, "digest": "cd" * 32, "metadata": {}}]},
            "input data",
        ),
        (
            {"input_artifacts__data": [{"name": "data", "type": {}, "digest": "ab" * 32, "metadata": {"rows": 2}}]},
            "input data.metadata",
        ),
        ({"env__MODE": _seal("fast")}, "environment_variable MODE"),
        ({"env__OTHER": _seal("")}, "environment_variable OTHER"),
        ({"secrets": ["db", "token"]}, "secret token"),
        ({"component__image": "python:3.12"}, "image"),
        ({"component__command": ["sh", "-ec", SHELL, f"{SOURCE}\n"]}, "source train"),
        ({"component__args": ["--executor_input", "{{$}}", "--function_to_execute", "fit"]}, "function"),
        ({"component__command": ["python", "train.py"]}, "command"),
        ({"component__output_parameters": {"Output": "LIST"}}, "output Output"),
        ({"component__output_artifacts": {}}, "output model"),
        ({"component__pvc_names": []}, "volume data"),
        ({"executor__python": "3.12.1"}, "python python"),
        ({"executor__platform": "linux-aarch64"}, "platform platform"),
        ({"executor__lock": TWO}, "requirement beta"),
        ({"executor__lock": "ff" * 32}, "requirement"),
        ({"executor": {"kind": "container", "image": "sha256:ab", "platform": "linux/amd64"}}, "executor"),
        ({"executor__device": "gpu"}, "executor device"),
        ({"scheme": "strict-2"}, "scheme"),
    ],
    ids=str,
)
def test_one_change_is_one_difference(changes: Document, expected: str) -> None:
    assert named(stored(), stored(**changes)) == [expected]
    assert named(stored(**changes), stored()) == [expected]


def test_every_kind_of_part_is_tried(request: pytest.FixtureRequest) -> None:
    """Those that are not above are below, or in ``tests/cli/test_explain.py``."""
    (mark,) = [mark for mark in test_one_change_is_one_difference.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]  # pytest's
    above = {expected.split()[0] for _, expected in mark.args[1]}
    below = {"custom_key", "definition", "surroundings", "masked"}
    on_the_command_line = {"argument", "pip_option", "import"}
    assert above | below | on_the_command_line == set(Part)


def test_a_custom_key_hides_all_else() -> None:
    def custom(key: str) -> Document:
        own = CustomKey("train", key)
        return strict.stored_parts(Parts(Component("", (), ()), "team", custom=own), _seal)

    assert named(custom("one"), custom("two")) == ["custom_key"]
    assert named(stored(), custom("two")) == ["custom_key"]
    assert named(custom("two"), stored()) == ["custom_key"]


def test_an_image_that_is_another_under_the_same_name_is_told() -> None:
    executor = {"kind": "container", "platform": "linux/amd64"}
    old, new = (stored(executor={**executor, "image": f"sha256:{digit * 64}"}) for digit in "ab")
    (difference,) = compare(old, new, nothing_known)
    assert (difference.part, difference.note) == (Part.IMAGE, "python:3.11 stands for another image now")
    renamed = stored(executor=new["executor"], component__image="python:3.12")
    (difference,) = compare(old, renamed, nothing_known)
    assert (difference.old, difference.new) == ("python:3.11", "python:3.12")


def test_what_two_homes_have_masked_is_not_compared() -> None:
    def other(**changes: Any) -> Document:
        return stored(**{"masked_by": "another", "env__MODE": "another", **changes})

    assert named(stored(), other(input_parameters__epochs=4)) == ["parameter epochs"]
    (difference,) = compare(stored(), other(), nothing_known)
    assert difference.part is Part.MASKED
    assert "two homes" in difference.note


def test_no_masked_value_is_shown() -> None:
    changes = {"env__MODE": _seal("fast"), "input_parameters__sealed": _seal("two")}
    for difference in compare(stored(), stored(**changes), nothing_known):
        assert "hmac" not in str(difference.to_document()) + difference.words()


def test_a_parameter_may_be_absent_or_null() -> None:
    (difference,) = compare(stored(), stored(input_parameters__more=None), nothing_known)
    assert difference.to_document() == {"part": "parameter", "name": "more", "new": None}
    assert difference.words() == "parameter more: nothing → null"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda: DagParts("two"), "definition"),
        (lambda: DagParts("one", input_parameters={"n": 1}), "parameter n"),
        (lambda: DagParts("one", surroundings={"executors": {}}), "surroundings executors"),
    ],
    ids=["definition", "parameter", "surroundings"],
)
def test_nested_pipelines_are_compared(change: Callable[[], DagParts], expected: str) -> None:
    assert named(dag.stored_parts(DagParts("one")), dag.stored_parts(change())) == [expected]
