import hashlib
import json
import sys
import time
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.keys.go_json import GoJSONError, decode, encode
from tests.keys import vectors

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def _sha256_of_canonical(document: bytes) -> str:
    return hashlib.sha256(encode(decode(document))).hexdigest()


@pytest.mark.parametrize("name", ["go_encoding_json", "go_encoding_json_more"])
def test_golden_vectors(name: str) -> None:
    assert vectors.differences(name, _sha256_of_canonical) == []


def test_golden_vectors_byte_by_byte() -> None:
    for vector in vectors.load("go_encoding_json"):
        if "canonical" in vector:
            assert encode(decode(vector["input"])) == vector["canonical"].encode()


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    assert decode(encode(value)) == value


@given(VALUES)
def test_encoding_is_stable(value: Any) -> None:
    assert encode(decode(encode(value))) == encode(value)


@given(st.dictionaries(TEXT, VALUES, max_size=8), st.randoms())
def test_the_order_of_members_does_not_count(value: dict[str, Any], random: Any) -> None:
    members = list(value.items())
    random.shuffle(members)
    assert encode(decode(json.dumps(dict(members)))) == encode(value)


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_spaces_and_escapes_do_not_count(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert encode(decode(text)) == encode(decode(text.encode())) == encode(value)


@given(TEXT, VALUES, VALUES)
def test_the_last_of_duplicate_members_wins(name: str, first: Any, last: Any) -> None:
    text = f"{{{json.dumps(name)}:{json.dumps(first)},{json.dumps(name)}:{json.dumps(last)}}}"
    assert decode(text) == {name: last}


@pytest.mark.parametrize("forms", [("10", "1e1", "1E+1", "10.0", "100e-1", "1.0e01"), ("0.5", "5e-1", "0.50")])
def test_all_forms_of_a_number_are_one(forms: tuple[str, ...]) -> None:
    assert len({encode(decode(form)) for form in forms}) == 1


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("-1.5e300", "-1.5e+300"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.25e-10", "1.25e-10"),
        ("0.00001", "0.00001"),
        ("12345678901234567890", "12345678901234567000"),
        ("-0", "-0"),
        ("1e16", "10000000000000000"),
        ("5e-324", "5e-324"),
    ],
)
def test_numbers_as_go_prints_them(text: str, printed: str) -> None:
    assert encode(decode(text)) == printed.encode()


@given(FINITE)
def test_a_number_keeps_its_value(number: float) -> None:
    assert float(encode(number)) == number


@given(st.binary())
def test_each_invalid_byte_becomes_a_replacement_character(content: bytes) -> None:
    content = content.translate(None, bytes(range(0x20)) + b'"\\')
    decoded = decode(b'"' + content + b'"')
    assert "\ufffd" * len(content) == decoded if content and min(content) >= 0xF8 else True
    assert decoded.encode() == content or "\ufffd" in decoded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\xe2\x82"', "\ufffd\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        ('"\ud800"', "\ufffd"),
        (r'"\ud800"', "\ufffd"),
        (r'"\udc00\ud800"', "\ufffd\ufffd"),
        (r'"\ud800\ud83d\ude00"', "\ufffd\N{GRINNING FACE}"),
        (r'"\\ud800"', r"\ud800"),
        (r'"\\\ud800"', "\\\ufffd"),
    ],
)
def test_broken_characters(text: bytes | str, value: str) -> None:
    assert decode(text) == value


def test_names_that_become_equal_are_duplicates() -> None:
    assert decode(rb'{"\ud800":1,"\udfff":2}') == {"\ufffd": 2}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\ufeff{}",
            "{} {}",
            "nul",
            "[1,]",
            "{,}",
            '{"a"}',
            "{a:1}",
            "[1 2]",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
        ),
        *(
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "-1e400",
            "9" * 400,
            '"\n"',
            r'"\x"',
            r'"\u12"',
            "'a'",
            "[",
            "]",
        ),
        *('{"a":1', '"', "/**/1", "\0", "[\f1]", '{"a":1e400,"a":1}'),
    ],
)
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(GoJSONError) as refused:
        decode(text)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_has_gos_limit(opening: str, closing: str) -> None:
    middle = "" if opening == "[" else "1"
    deepest = opening * 10_000 + middle + closing * 10_000
    assert encode(decode(deepest)) == deepest.encode()
    with pytest.raises(GoJSONError, match="deeper"):
        decode(opening * 10_001 + middle + closing * 10_001)


def test_depth_counts_in_what_is_overwritten() -> None:
    with pytest.raises(GoJSONError, match="deeper"):
        decode('{"a":' + "[" * 10_000 + "]" * 10_000 + ',"a":1}')


def test_a_deep_document_is_read_near_the_end_of_the_stack() -> None:
    def deeper(levels: int) -> Any:
        return deeper(levels - 1) if levels else decode("[" * 150 + "]" * 150)

    used = len(__import__("inspect").stack())
    assert encode(deeper(sys.getrecursionlimit() - used - 60)) == b"[" * 150 + b"]" * 150


def test_numbers_of_any_length_are_read() -> None:
    assert decode("0." + "3" * 10_000) == 0.3333333333333333
    assert decode("1" + "0" * 300) == 1e300
    assert decode("0." + "0" * 9_999 + "1e10000") == 1


def test_a_number_that_go_misreads_is_refused() -> None:
    with pytest.raises(GoJSONError, match="misreads"):
        decode("1" + "0" * 900 + "e-900")


@pytest.mark.parametrize("value", [nan, inf, -inf, 10**400])
def test_numbers_that_json_does_not_have(value: float) -> None:
    with pytest.raises(GoJSONError):
        encode([value])


@pytest.mark.parametrize("value", [b"x", {1: 2}, {None: 1}, object(), {"a": {1, 2}}])
def test_what_is_no_json_value(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    "document",
    [
        b'{"args":["' + b"x<&>y " * 180_000 + b'"]}',
        b"[" + b",".join(b'{"name":"a%d","value":"<%d>"}' % (i, i) for i in range(30_000)) + b"]",
        b"[" + b"1.5," * 250_000 + b"1]",
        b'"' + b'\\"' * 500_000,
    ],
    ids=["long", "wide", "numbers", "unterminated"],
)
def test_a_megabyte_takes_reasonable_time(document: bytes) -> None:
    began = time.process_time()
    try:
        encode(decode(document))
    except GoJSONError:
        assert not document.endswith((b"}", b"]"))
    assert time.process_time() - began < 5  # 0.01 to 0.4 s on a slow core; quadratic would be minutes
