import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepcache.errors import InputError
from stepcache.pipelines import documents
from stepcache.pipelines.yaml_reader import DEEPEST, LARGEST_COUNT
from tests.pipelines.refusal import refusal
from tests.pipelines.test_yaml_reader import TEXT, VALUES


def _read(data: bytes) -> list[Any]:
    return documents.read(data, "file", remedy="write it anew")


@settings(max_examples=50)
@given(st.dictionaries(TEXT, VALUES, max_size=5), st.booleans())
def test_json_is_read_as_json(value: dict[str, Any], ascii_only: bool) -> None:
    assert _read(json.dumps(value, ensure_ascii=ascii_only).encode()) == [value]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["a: grün\n", '{"a": "grün"}', '\n\t{"a":\t"gr\\u00fcn"}\n'])
def test_encodings(encoding: str, text: str) -> None:
    assert _read(text.encode(encoding)) == [{"a": "grün"}]


def test_big_endian_utf_16_with_a_mark() -> None:
    assert _read(b"\xfe\xff" + "a: grün".encode("utf-16-be")) == [{"a": "grün"}]


def test_json_in_several_documents_and_flow_yaml() -> None:
    assert _read(b'{"a": 1}\n---\n{"b": 2}\n') == [{"a": 1}, {"b": 2}]
    assert _read(b"{a: b, c: [d]}") == [{"a": "b", "c": ["d"]}]


def _nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * (depth - 1) + b"1" + b"]" * (depth - 1) + b"}"


def test_depth_is_bounded_in_json_as_in_yaml() -> None:
    assert _read(_nested(DEEPEST))
    with pytest.raises(InputError, match=f"more than {DEEPEST} levels"):
        _read(_nested(DEEPEST + 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file is empty"),
        (b"\xef\xbb\xbf", "file is empty"),
        (b"  \n# only a comment\n---\n", "file is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "file is a binary file"),
        (b"\xff\xfe\x00", "file is a binary file"),
        ("a: 1".encode("utf-16-le"), "file is a binary file"),
        ("a: grün".encode("latin-1"), "file is a binary file"),
        (b"a: 1\na: 2\n", "file, line 2 cannot be read as YAML or JSON: the key 'a' is there twice"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "file cannot be taken: it is JSON with the key 'c' twice"),
        (b'{"a": NaN}', "NaN, which is no number of JSON"),
        (b'{"a": -Infinity}', "-Infinity, which is no number of JSON"),
        (b'{"a": 1e999}', "a number that is too large"),
        (b'{"a": 1' + b"0" * 400 + b"}", "a number that is too large"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "is no value of JSON"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udfff": 1}', "half a surrogate pair"),
        (b'{"a": 1', "file, line 2 cannot be read as YAML or JSON: did not find expected"),
        (b'{"a": 1}\n{"b": 2}', "file, line 2 cannot be read"),
        (b'{"a": ' * 100_000, "file"),
        (b"[" * 100_000 + b"]" * 100_000, f"more than {DEEPEST} levels"),
        (b"[" + b"1," * LARGEST_COUNT + b"1]", f"more than {LARGEST_COUNT:,} values"),
    ],
)
def test_anything_else_is_one_clear_error(data: bytes, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"^file") as caught:
        _read(data)
    assert message in str(caught.value)
    assert caught.value.remedy == "write it anew"
    assert time.monotonic() - began < 10


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    refused = refusal(InputError, lambda: _read(data))
    assert refused is None or str(refused).startswith("file")
