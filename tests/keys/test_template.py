import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.go_json import GoJSONError, encode
from stepcache.keys.template import canonical_template, namespaced_template_key, template_key
from tests.keys import vectors

HELLO = '{"container":{"command":["echo","Hello"],"image":"python:3.11"}}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_golden_vectors() -> None:
    assert vectors.differences("argo_template_keys", template_key) == []


def test_golden_vectors_byte_by_byte() -> None:
    for vector in vectors.load("argo_template_keys"):
        if "canonical" in vector:
            assert canonical_template(vector["input"]) == vector["canonical"].encode()


@pytest.mark.parametrize(
    ("template", "key"),
    [  # backend/src/cache/server/mutation_test.go; the last by the rules that were checked with Go
        (HELLO, "07f2c42567af4f141a52887e0a113c9aefdfdfd5e6b06b9908f7fdb0b43739af"),
        (
            HELLO[:-1] + ',"outputs":"anything","name":"Does not matter","metadata":"anything","foo":"bar"}',
            "4b868c5d0b64e4d93e529eadaa04f0451eb5ae5c652dd79c08bdc47a6a1fe67a",
        ),
        (HELLO.replace("3.11", "3.7"), "f5fe913be7a4516ebfe1b5de29bcb35edd12ecc776b2f33f10ca19709ea3b2f0"),
        (
            r'{"container":{"args":["<a>&\u2028",1e21,1e20,1e-7,0.000001,12345678901234567890,-0,1.0,100]}}',
            "c6c200217265a5e244f52cdbccb7a5fbf83e7e16b472486899077daeef2bf806",
        ),
    ],
)
def test_keys_of_kfps_own_tests(template: str, key: str) -> None:
    assert template_key(template) == key


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), JSON)
def test_only_the_skeleton_counts(others: dict[str, Any], resources: Any) -> None:
    parts = {"container", "inputs", "outputs", "volumes", "initContainers", "sidecars"}
    junk = {name: value for name, value in others.items() if name not in parts}
    template = json.loads(HELLO)
    template["container"]["resources"] = resources
    assert template_key(json.dumps({**junk, **template})) == template_key(HELLO)


@pytest.mark.parametrize("part", ["inputs", "outputs", "volumes", "initContainers", "sidecars"])
def test_every_part_counts_even_when_null(part: str) -> None:
    template = json.loads(HELLO)
    keys = {template_key(json.dumps({**template, part: json.loads(text)})) for text in ("null", "[]", '"x"')}
    assert len(keys | {template_key(HELLO)}) == 4


@pytest.mark.parametrize("part", ["image", "command", "args", "env", "volumeMounts"])
def test_every_part_of_the_container_counts_even_when_null(part: str) -> None:
    texts = [f'{{"container":{{"{part}":{value}}}}}' for value in ("null", "[]", '"x"')]
    keys = {template_key(text) for text in texts}
    assert len(keys | {template_key('{"container":{}}')}) == 4


def test_a_null_template_is_an_empty_one() -> None:
    assert template_key("null") == template_key("{}") == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("template", ["[]", '"x"', "1", "true", "{", '{"container":[]}', '{"container":null}'])
def test_what_has_no_key(template: str) -> None:
    with pytest.raises(GoJSONError):
        template_key(template)
    with pytest.raises(GoJSONError):
        namespaced_template_key(template, "default")


def test_a_megabyte_of_template() -> None:
    template = {"container": {"args": ["<é>\u2028" * 100_000]}, "name": "x" * 100_000}
    assert canonical_template(json.dumps(template)) == encode({"container": template["container"]})


def test_a_namespace_makes_another_key() -> None:
    assert (
        namespaced_template_key(HELLO, "default")
        == "5ea9e9f07d01e21f5bbda698d3bb7d29db34b6f7462e796e8832718d336b410f"
        == hashlib.sha256(f'{{"namespace":"default","template":{HELLO}}}'.encode()).hexdigest()
    )
    assert namespaced_template_key(HELLO, "tenant-b") != namespaced_template_key(HELLO, "default")


def test_a_namespaced_key_needs_a_namespace_and_a_template() -> None:
    with pytest.raises(GoJSONError, match="namespace"):
        namespaced_template_key(HELLO, "")
    with pytest.raises(GoJSONError, match="object"):
        namespaced_template_key("null", "default")
