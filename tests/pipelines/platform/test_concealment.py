from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.platform.concealment import Concealment
from stepcache.pipelines.platform.keyed_values import KeyedValues
from stepcache.pipelines.values import ArtifactValue, Values

PASSWORD = 'pa"ss\\wörd\n22'  # one line of it is long enough to be looked for


def _seal(text: str) -> str:
    return hashlib.sha256(b"key of a home" + text.encode("utf-8", "surrogatepass")).hexdigest()


def _of(seal: Any = _seal, **secrets: str | bytes) -> Concealment:
    keyed = {
        name: KeyedValues({"key": value.encode() if isinstance(value, str) else value})
        for name, value in secrets.items()
    }
    return Concealment(Bindings(secrets=keyed), seal)


def _artifact(**changes: Any) -> ArtifactValue:
    fields: dict[str, Any] = {"name": "model", "schema": {"schemaTitle": "system.Model"}, "metadata": {}}
    return ArtifactValue(**{**fields, "content": None, **changes})


def test_outputs_without_secrets_are_kept_as_they_are() -> None:
    values = Values({"a": "text", "b": [1, {"c": None}]}, {"m": (_artifact(metadata={"x": 1}),)})
    for concealment in (_of(), _of(db="hunter22")):
        assert concealment.conceal(values) == values.to_document()
        assert concealment.reveal(concealment.conceal(values)) == values
        assert concealment.shown(values) == values
        assert concealment.for_key(values) == values
        assert not concealment.touches(values)


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        ("hunter22", "hunter22"),
        ("hunter22", "postgres://me:hunter22@db/hunter22"),
        ("hunter22", ["x", {"deep": ["hunter22"]}]),
        ("hunter22", {"hunter22": 1, "other": 2}),
        ("20221231", 20221231),
        ("20221231", {"n": [120221231.5]}),
        ("hunter22\n", "the hunter22 is"),
        (PASSWORD, PASSWORD),
        ("ünïcödé", "ünïcödé"),
        ("hunt/r+2?", "postgres://me:hunt%2Fr%2B2%3F@db"),
        (PASSWORD, json.dumps({"in": "json", "password": PASSWORD})),
        ("hunter22", json.dumps({"in": "json", "password": "hunter22"})),
    ],
)
def test_a_value_is_kept_nowhere_and_comes_back(secret: str, value: Any) -> None:
    concealment = _of(db=secret)
    values = Values({"Output": value, "plain": "kept"})
    assert concealment.touches(values)
    kept = json.loads(json.dumps(concealment.conceal(values)))  # as a store keeps it
    shown = json.dumps(concealment.shown(values).to_document(), ensure_ascii=False)
    keyed = json.dumps(concealment.for_key(values).to_document(), ensure_ascii=False)
    for text in (json.dumps(kept, ensure_ascii=False), shown, keyed):
        assert secret.strip().split("\n")[0] not in text
        assert json.dumps(secret.strip().split("\n")[0])[1:-1] not in text
    assert kept["parameters"]["plain"] == "kept"
    assert "****" in json.dumps(kept["parameters"]["Output"])
    assert concealment.reveal(kept) == values


def test_the_order_of_what_comes_back_is_the_order_of_what_was_kept() -> None:
    concealment = _of(db="hunter22")
    back = concealment.reveal(concealment.conceal(Values({"Output": {"z": "hunter22", "a": 1}})))
    assert back is not None
    assert list(back.parameters["Output"]) == ["z", "a"]


def test_what_artifacts_say_of_themselves_is_concealed_too() -> None:
    concealment = _of(db="hunter22")
    artifact = _artifact(metadata={"dsn": "me:hunter22", "rows": 3}, uri="s3://hunter22/x", name="of hunter22")
    values = Values({}, {"m": (artifact, _artifact())})
    kept = concealment.conceal(values)
    assert "hunter22" not in json.dumps(kept)
    (shown, other) = concealment.shown(values).artifacts["m"]
    assert (shown.metadata, shown.uri, shown.name) == ({"dsn": "me:****", "rows": 3}, "s3://****/x", "of ****")
    assert other == _artifact()
    assert concealment.reveal(kept) == values
    in_a_name = Values({}, {"m": (_artifact(metadata={"hunter22": 1}),)})
    assert concealment.shown(in_a_name).artifacts["m"][0].metadata == {"****": 1}
    assert "hunter22" not in json.dumps(concealment.for_key(in_a_name).to_document())


def test_what_cannot_come_back_to_the_last_byte_does_not() -> None:
    values = Values({"Output": "the hunter22"})
    kept = _of(db="hunter22").conceal(values)
    assert _of(db="changed1").reveal(kept) is None
    assert _of(db="short").reveal(kept) is None
    assert _of().reveal(kept) is None
    assert _of(other="hunter22").reveal(kept) is None
    assert _of(seal=lambda text: "of another home", db="hunter22").reveal(kept) is None
    assert _of(db="hunter22").reveal(kept) == values


def test_a_step_cannot_ask_for_a_secret_by_what_it_writes() -> None:
    written = Values({"Output": {"concealed": [{"at": ["parameters", "x"], "pieces": [["db", "key", 0, 8]]}]}})
    concealment = _of(db="hunter22")
    assert concealment.reveal(concealment.conceal(written)) == written


def test_in_a_key_equal_values_are_equal_and_others_are_not() -> None:
    concealment = _of(db="hunter22")
    first, again = Values({"p": {"a": "hunter22", "b": 1}}), Values({"p": {"b": 1, "a": "hunter22"}})
    assert concealment.for_key(first) == concealment.for_key(again)
    assert concealment.for_key(first) != concealment.for_key(Values({"p": {"a": "hunter22", "b": 2}}))
    assert _of(db="changed1").for_key(Values({"p": "changed1"})) != _of(db="hunter22").for_key(
        Values({"p": "hunter22"})
    )


_TEXTS = st.text(alphabet='hunter2"\\\n é', max_size=30)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=_JSON, secrets=st.lists(st.text(alphabet='hunter2"\\\n é', max_size=6), max_size=3))
def test_whatever_is_concealed_comes_back(value: Any, secrets: list[str]) -> None:
    concealment = _of(**{f"s{number}": secret for number, secret in enumerate(secrets)})
    values = Values({"Output": value})
    kept = json.loads(json.dumps(concealment.conceal(values)))
    back = concealment.reveal(kept)
    assert back is not None
    assert json.dumps(back.to_document()) == json.dumps(values.to_document())
    for needle in concealment.redactor.needles:
        shown = json.dumps(concealment.shown(values).to_document(), ensure_ascii=False)
        assert json.dumps(needle.decode(), ensure_ascii=False)[1:-1] not in shown


def test_secrets_that_are_no_text_are_in_no_output() -> None:
    concealment = _of(db=b"\xff\xfe\xfd\xfc\xfb")
    assert not concealment
    assert concealment.redactor.data(b"\xff\xfe\xfd\xfc\xfb") == b"****"
