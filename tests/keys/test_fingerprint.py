import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.fingerprint import (
    canonical_fingerprint,
    canonical_fingerprint_with_env,
    custom_key,
    fingerprint,
    fingerprint_with_env,
)
from stepcache.keys.go_json import GoJSONError, encode
from tests.keys import vectors

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
MODEL = {
    "name": "model",
    "type": {
        "instanceSchema": "title: kfp.Model\ntype: object\nproperties:\n  framework:\n    type: string\n"
        "  framework_version:\n    type: string\n"
    },
    "metadata": {"name": "model"},
}
METRICS = {"name": "metrics", "type": {"schemaTitle": "kfp.Metrics"}, "metadata": {"name": "metrics"}}


@pytest.mark.parametrize("name", ["v2_fingerprints", "v2_fingerprints_more"])
def test_golden_vectors(name: str) -> None:
    assert vectors.differences(name, fingerprint) == []


def test_golden_vectors_with_env() -> None:
    assert vectors.differences("v2_env_fingerprints", fingerprint_with_env) == []
    assert vectors.differences("v2_fingerprints", fingerprint_with_env) == []  # none has env: nothing changes


def test_golden_vectors_byte_by_byte() -> None:
    for vector in vectors.load("v2_fingerprints"):
        if "canonical" in vector:
            assert canonical_fingerprint(vector["input"]) == vector["canonical"].encode()


@pytest.mark.parametrize(
    ("image", "key"),
    [  # TestGenerateFingerPrint in backend/src/v2/cacheutils/cache_test.go, of two releases
        ("python:3.11", "b498530c9016917298999ec0b01f364a180f8a3862bea0fa672a383ca3f22e4e"),
        ("python:3.9", "4e8a5d7d70997b0a35429fcd481af8fcd5b9f58ef4391bdb6ad900fd1c63622b"),
    ],
)
def test_keys_of_kfps_own_tests(image: str, key: str) -> None:
    document = {
        "inputArtifactNames": {"dataset_one": {"artifactNames": ["1"]}, "dataset_two": {"artifactNames": ["2"]}},
        "inputParameterValues": {"message": "Some string value", "num_steps": 5},
        "outputArtifactsSpec": {"model": MODEL, "metrics": METRICS},
        "outputParametersSpec": {"output_parameter_one": "STRING", "output_parameter_two": "INT"},
        "containerSpec": {"cmdArgs": ["sh", "ec", "test"], "image": image},
    }
    assert fingerprint(json.dumps(document)) == key


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("python:3.11", "3d9a2a778fa3174c6cfc6e639c507c265b5f21ef6e5b1dd70b236462cc6da464"),
        ("python:3.9", "0a4cc1f15cdfad5170e1358518f7128c5278500a670db1b9a3f3d83b93db396e"),
    ],
)
def test_the_second_key_of_kfps_own_tests(image: str, key: str) -> None:
    document = {
        "inputArtifactNames": {"dataset": {"artifactNames": ["10"]}},
        "outputParametersSpec": {"output_parameter": "DOUBLE"},
        "containerSpec": {"cmdArgs": ["sh", "ec", "run"], "image": image},
    }
    assert fingerprint(json.dumps(document)) == key


@pytest.mark.parametrize(
    ("component", "cache_key", "key"),
    [  # backend/src/v2/driver/cache_test.go
        ("my-component", "my-custom-cache-key", "ad05e747b67b95e4fc4ce080cdb5850f89744360a85753b90a1a434d46dedd2e"),
        (
            "other-component",
            "my-custom-cache-key",
            "3b3a067cac2d9161742542c6afa8a1291699e27c637dd0d5d66cd8b2bdc5ab76",
        ),
        ("my-component", "custom-key", "7a5348ebd8b216ba326ef72a8cfa070636c903428e429684b03e42dd1e772641"),
        ("", "k", hashlib.sha256(b"k").hexdigest()),
    ],
)
def test_custom_keys_of_kfps_own_tests(component: str, cache_key: str, key: str) -> None:
    assert custom_key(component, cache_key) == key


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_parameters_are_printed_as_go_prints_json(parameters: dict[str, Any]) -> None:
    canonical = canonical_fingerprint(json.dumps({"inputParameterValues": parameters}))
    assert canonical == encode({"inputParameterValues": parameters} if parameters else {})


@given(st.dictionaries(TEXT, VALUES, max_size=6), st.randoms())
def test_the_order_of_members_does_not_count(parameters: dict[str, Any], random: Any) -> None:
    members = list(parameters.items())
    random.shuffle(members)
    documents = [json.dumps({"inputParameterValues": order}) for order in (parameters, dict(members))]
    assert len({fingerprint(document) for document in documents}) == 1


def _canonical(document: str) -> str:
    return canonical_fingerprint_with_env(document).decode()


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ('{"input_parameter_values":{"a":1}}', '{"inputParameterValues":{"a":1}}'),
        ('{"containerSpec":{}}', '{"containerSpec":{}}'),
        ('{"containerSpec":null,"inputParameterValues":null}', "{}"),
        ('{"containerSpec":{"image":"","cmdArgs":[]}}', '{"containerSpec":{}}'),
        ('{"inputArtifactNames":{"a":{}}}', '{"inputArtifactNames":{"a":{}}}'),
        ('{"inputParameterValues":{"a":null}}', '{"inputParameterValues":{"a":null}}'),
        ('{"outputParametersSpec":{"a":""}}', '{"outputParametersSpec":{"a":""}}'),
        (
            '{"outputArtifactsSpec":{"a":{"custom_path":"","uri":"","metadata":{},"type":{"schema_title":""}}}}',
            '{"outputArtifactsSpec":{"a":{"customPath":"","metadata":{},"type":{"schemaTitle":""}}}}',
        ),
        (
            '{"inputParameters":{"a":{"intValue":5},"b":{"doubleValue":"NaN"},"c":{"double_value":"1e2"}}}',
            '{"inputParameters":{"a":{"intValue":"5"},"b":{"doubleValue":"NaN"},"c":{"doubleValue":100}}}',
        ),
        (
            '{"inputParameters":{"a":{"intValue":null,"stringValue":""}}}',
            '{"inputParameters":{"a":{"stringValue":""}}}',
        ),
        (
            '{"containerSpec":{"env":[{"value":"2","name":"B"},{"name":"A"},{}]}}',
            '{"containerSpec":{"env":[{"name":"B","value":"2"},{"name":"A"},{}]}}',
        ),
    ],
)
def test_protobuf_json_as_go_reprints_it(document: str, canonical: str) -> None:
    assert _canonical(document) == canonical


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "1",
        "{} {}",
        '{"unknown":1}',
        '{"containerSpec":{"cmd_args":[]}}',
        '{"@type":"x"}',
        '{"containerSpec":[]}',
        '{"containerSpec":{"image":1}}',
        '{"containerSpec":{"cmdArgs":"a"}}',
        '{"containerSpec":{"cmdArgs":[null]}}',
        '{"containerSpec":{"image":"a","image":"a"}}',
        '{"containerSpec":{"env":{}}}',
        '{"containerSpec":{"env":[null]}}',
        '{"inputParameterValues":{},"input_parameter_values":{}}',
        '{"inputParameterValues":{},"input_parameter_values":null}',
        '{"inputParameterValues":[]}',
        '{"inputParameterValues":{"a":{"b":1,"b":1}}}',
        '{"inputParameterValues":{"a":1,"a":1}}',
        '{"inputParameterValues":{"a":1e400}}',
        '{"inputParameterValues":{"a":[1e]}}',
        '{"outputArtifactsSpec":{"a":null}}',
        '{"outputParametersSpec":{"a":null}}',
        '{"outputParametersSpec":{"a":1}}',
        '{"inputParameters":{"a":{"intValue":1.5}}}',
        '{"inputParameters":{"a":{"intValue":1,"doubleValue":1}}}',
        '{"inputParameters":{"a":{"intValue":" 1"}}}',
        '{"inputParameters":{"a":{"intValue":"9223372036854775808"}}}',
        '{"inputParameters":{"a":{"doubleValue":"nan"}}}',
        '{"outputArtifactsSpec":{"a":{"type":{"schemaTitle":"","schemaUri":""}}}}',
        r'{"inputParameterValues":{"a":"\ud800"}}',
    ],
)
def test_what_protojson_refuses(document: str) -> None:
    with pytest.raises(GoJSONError):
        _canonical(document)


def test_invalid_utf8_is_refused() -> None:
    with pytest.raises(GoJSONError):
        fingerprint(b'{"inputParameterValues":{"a":"\xff"}}')
    with pytest.raises(GoJSONError):
        fingerprint('{"inputParameterValues":{"a":"\ud800"}}')


@pytest.mark.parametrize(("levels", "fits"), [(9_998, True), (9_999, False)])
def test_depth_has_gos_limit(levels: int, fits: bool) -> None:
    document = '{"inputParameterValues":{"a":' + "[" * levels + "]" * levels + "}}"
    if fits:
        assert canonical_fingerprint(document) == document.encode()
    else:
        with pytest.raises(GoJSONError, match="deeper"):
            fingerprint(document)


def test_env_is_a_field_of_later_releases_only() -> None:
    document = '{"containerSpec":{"env":[{"name":"A","value":"1"}]}}'
    with pytest.raises(GoJSONError, match="no field 'env'"):
        fingerprint(document)
    assert fingerprint_with_env(document) != fingerprint_with_env('{"containerSpec":{}}')


@given(st.lists(st.tuples(TEXT, TEXT), max_size=3), st.lists(st.tuples(TEXT, TEXT), max_size=3))
def test_order_and_repetition_of_env_count(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    keys = [
        fingerprint_with_env(json.dumps({"containerSpec": {"env": [{"name": n, "value": v} for n, v in env]}}))
        for env in (one, other)
    ]
    assert (keys[0] == keys[1]) == (one == other)


def test_a_megabyte_of_parameters() -> None:
    parameters = {f"p{number}": ["x" * 100, number] for number in range(8_000)}
    assert canonical_fingerprint(json.dumps({"inputParameterValues": parameters})) == encode(
        {"inputParameterValues": parameters}
    )
