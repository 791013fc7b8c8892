import dataclasses
import hashlib
import json
import subprocess
import sys
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.strict import Component, CustomKey, InputArtifact, Parts, stored_parts, strict_key

COMPONENT = Component(
    image="python:3.11",
    command=["sh", "-c"],
    args=["echo"],
    output_parameters={"n": "NUMBER_INTEGER"},
    output_artifacts={"model": {"schemaTitle": "system.Model"}},
    pvc_names=["data"],
)
DATA = InputArtifact("data", {"schemaTitle": "system.Dataset"}, "ab" * 32, {"rows": 3})
PARTS = Parts(
    component=COMPONENT,
    namespace="team",
    input_parameters={"n": 3, "rate": 0.5},
    input_artifacts={"data": [DATA]},
    env={"MODE": "train"},
    secrets=["token"],
    executor={"kind": "subprocess", "python": "3.11.7"},
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COMPONENT_CHANGES: dict[str, Any] = {
    "image": "python:3.12",
    "command": ["sh"],
    "args": ["echo", ""],
    "output_parameters": {"n": "STRING"},
    "output_artifacts": {"model": {"schemaTitle": "system.Artifact"}},
    "pvc_names": ["data", "more"],
}
ARTIFACT_CHANGES: dict[str, Any] = {
    "name": "other",
    "type": {"schemaTitle": "system.Artifact"},
    "digest": "cd" * 32,
    "metadata": {"rows": 4},
}
CHANGES: list[dict[str, Any]] = [
    *({"component": dataclasses.replace(COMPONENT, **{name: new})} for name, new in COMPONENT_CHANGES.items()),
    *(
        {"input_artifacts": {"data": [dataclasses.replace(DATA, **{name: new})]}}
        for name, new in ARTIFACT_CHANGES.items()
    ),
    {"namespace": ""},
    {"namespace": "other"},
    {"input_parameters": {"n": 4, "rate": 0.5}},
    {"input_parameters": {"n": True, "rate": 0.5}},
    {"input_parameters": {"n": "3", "rate": 0.5}},
    {"input_parameters": {"n": 3}},
    {"input_parameters": {"n": 3, "rate": 0.5, "none": None}},
    {"input_artifacts": {}},
    {"input_artifacts": {"data": []}},
    {"input_artifacts": {"data": [DATA, DATA]}},
    {"input_artifacts": {"other": [DATA]}},
    {"env": {"MODE": "eval"}},
    {"env": {"MOD": "Etrain"}},
    {"env": {}},
    {"secrets": []},
    {"secrets": ["token", "other"]},
    {"executor": {"kind": "subprocess", "python": "3.12.1"}},
    {"executor": {"kind": "container", "digest": "sha256:" + "0" * 64}},
    {"custom": CustomKey("train", "k")},
    {"custom": CustomKey("trai", "nk")},
]


def test_every_change_of_a_part_changes_the_key() -> None:
    keys = [strict_key(PARTS), *(strict_key(dataclasses.replace(PARTS, **change)) for change in CHANGES)]
    assert len(set(keys)) == len(CHANGES) + 1
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


def test_the_changes_cover_every_part() -> None:
    assert {name for change in CHANGES for name in change} == {field.name for field in dataclasses.fields(Parts)}
    assert {*COMPONENT_CHANGES} == {field.name for field in dataclasses.fields(Component) if field.init}
    assert {*ARTIFACT_CHANGES, "uri"} == {field.name for field in dataclasses.fields(InputArtifact)}


def test_a_key_is_pinned() -> None:
    """A change of this key invalidates every cache: it needs another SCHEME."""
    body = (
        '{"args":["echo"],"command":["sh","-c"],"image":"python:3.11",'
        '"output_artifacts":{"model":{"schemaTitle":"system.Model"}},'
        '"output_parameters":{"n":"NUMBER_INTEGER"},"pvc_names":["data"]}'
        '{"env":{"MODE":"train"},"executor":{"kind":"subprocess","python":"3.11.7"},'
        f'"input_artifacts":{{"data":[{{"digest":"{"ab" * 32}","metadata":{{"rows":3}},"name":"data",'
        '"type":{"schemaTitle":"system.Dataset"}}]},"input_parameters":{"n":3,"rate":0.5},"secrets":["token"]}'
    )
    assert strict_key(PARTS) == hashlib.sha256(f"strict-1\x004:team{body}".encode()).hexdigest()


def test_a_key_is_the_same_in_another_process() -> None:
    program = "from tests.keys.test_strict import PARTS, strict_key; print(strict_key(PARTS))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": "src:."},
    )
    assert other.stdout.strip() == strict_key(PARTS)


def _with(**parameters: Any) -> str:
    return strict_key(dataclasses.replace(PARTS, input_parameters=parameters))


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (10**20, 1e20), ((1, 2), [1, 2]), (0, 0.0)])
def test_equal_values_make_equal_keys(one: Any, other: Any) -> None:
    assert _with(x=one) == _with(x=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((1, True), (0, False), (1, "1"), (None, "null"), ([], {}), ("", None), (0.0, -0.0), (0.1, 0.1 + 2**-56)),
        *((2**53, 2**53 + 1), ([[1], 2], [[1, 2]]), ({"a": {"b": 1}}, {"a": 1, "b": 1})),
        *(("\N{GRINNING FACE}", "\ud83d\ude00"), ("é", "e\u0301"), ("\ud800", "\ufffd"), ("<", "\\u003c")),
    ],
)
def test_different_values_make_different_keys(one: Any, other: Any) -> None:
    assert _with(x=one) != _with(x=other)


def test_integers_of_any_length_count_to_the_last_digit() -> None:
    assert len({_with(x=10**5_000), _with(x=10**5_000 + 1), _with(x=-(10**5_000))}) == 3


@given(VALUES, VALUES)
def test_keys_are_equal_only_if_values_are(one: Any, other: Any) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (one, other)]
    if texts[0] == texts[1]:
        assert _with(x=one) == _with(x=other)
    elif one != other:
        assert _with(x=one) != _with(x=other)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.dictionaries(st.text(), st.text(), max_size=5))
def test_order_does_not_count(parameters: dict[str, Any], env: dict[str, str]) -> None:
    one = dataclasses.replace(PARTS, input_parameters=parameters, env=env, secrets=["b", "a", "a"])
    other = dataclasses.replace(
        PARTS,
        input_parameters=dict(reversed(parameters.items())),
        env=dict(reversed(env.items())),
        secrets=("a", "b"),
    )
    assert strict_key(one) == strict_key(other)


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_namespaces_never_meet(namespace: str, key: str, other_namespace: str, other_key: str) -> None:
    keys = [
        strict_key(dataclasses.replace(PARTS, namespace=space, custom=CustomKey("", text)))
        for space, text in ((namespace, key), (other_namespace, other_key))
    ]
    assert (keys[0] == keys[1]) == ((namespace, key) == (other_namespace, other_key))


def test_with_a_custom_key_nothing_else_counts_but_the_namespace() -> None:
    custom = dataclasses.replace(PARTS, custom=CustomKey("train", "mine"))
    for change in CHANGES:
        changed = strict_key(dataclasses.replace(custom, **change))
        assert (changed == strict_key(custom)) == change.keys().isdisjoint({"namespace", "custom"})


def test_the_uri_counts_only_without_content() -> None:
    def key(digest: str, uri: str) -> str:
        artifact = dataclasses.replace(DATA, digest=digest, uri=uri)
        return strict_key(dataclasses.replace(PARTS, input_artifacts={"data": [artifact]}))

    assert key("ab" * 32, "s3://a") == key("ab" * 32, "s3://b")
    assert key("", "s3://a") != key("", "s3://b")


@pytest.mark.parametrize("value", [nan, inf, -inf, [nan], {"a": inf}])
def test_numbers_that_equal_nothing_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="part of a key"):
        _with(x=value)


@pytest.mark.parametrize("value", [b"x", {1: 2}, object(), {1}])
def test_what_is_no_json_value_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        _with(x=value)


def test_deep_values_have_a_key() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    assert _with(x=value) != _with(x=[value])


def _mask(value: str) -> str:
    return hashlib.sha256(b"home" + value.encode()).hexdigest()


def test_stored_parts_hold_no_value_of_a_variable() -> None:
    parts = dataclasses.replace(PARTS, env={"PASSWORD": "planted-value", "EMPTY": ""}, secrets=["token"])
    stored = stored_parts(parts, _mask)
    assert "planted" not in json.dumps(stored)
    assert stored["env"] == {"PASSWORD": _mask("planted-value"), "EMPTY": _mask("")}
    assert stored["secrets"] == ["token"]


def test_stored_parts_are_the_parts() -> None:
    stored = json.loads(json.dumps(stored_parts(PARTS, _mask)))
    component = {"image", "command", "args", "output_parameters", "output_artifacts", "pvc_names"}
    assert stored.keys() == {"scheme", "masked_by", *(field.name for field in dataclasses.fields(Parts))} - {
        "custom"
    }
    assert stored["component"].keys() == component
    assert stored["input_artifacts"]["data"][0]["digest"] == DATA.digest
    assert stored["input_parameters"] == PARTS.input_parameters


def test_a_change_shows_in_the_stored_parts() -> None:
    """What changes the key can be explained."""
    for change in CHANGES:
        changed = dataclasses.replace(PARTS, **change)
        assert json.dumps(stored_parts(changed, _mask)) != json.dumps(stored_parts(PARTS, _mask))


def test_stored_parts_of_a_custom_key() -> None:
    stored = stored_parts(dataclasses.replace(PARTS, custom=CustomKey("train", "mine")), _mask)
    assert stored == {"scheme": "strict-1", "namespace": "team", "custom": {"component": "train", "key": "mine"}}
