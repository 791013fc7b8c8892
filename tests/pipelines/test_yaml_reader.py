import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stepcache.pipelines import yaml_reader
from stepcache.pipelines.yaml_reader import DEEPEST, LARGEST_COUNT, YAMLError, read
from stepcache.pipelines.yaml_scalars import Schema

SAMPLES = Path(__file__).parent.parent / "data" / "pipelines"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.floats(min_value=-1e15, max_value=1e15)  # beyond, Go prints whole numbers with zeros for digits
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_sdk_wrote_reads_as_pyyaml_reads_it(path: Path) -> None:
    text = path.read_text()
    assert read(text, Schema.SDK) == list(yaml.safe_load_all(text))


@given(VALUES)
def test_what_pyyaml_writes_is_read_back(value: Any) -> None:
    assert read(yaml.safe_dump(value), Schema.SDK) == [value]


@pytest.mark.parametrize(
    ("text", "sdk", "core"),
    [
        ("yes", True, "yes"),
        ("off", False, "off"),
        ("true", True, True),
        ("1:30", 90, "1:30"),
        ("1e3", "1e3", 1000.0),
        ("1e-3", "1e-3", 0.001),
        (".5", 0.5, 0.5),
        ("-12", -12, -12),
        ("017", 15, 17),
        ("0o17", "0o17", 15),
        ("0x1F", 31, 31),
        ("1_000", 1000, "1_000"),
        ("2024-01-31", "2024-01-31", "2024-01-31"),
        ("~", None, None),
        ("", None, None),
        ("'5'", "5", "5"),
        ("!!str 5", "5", "5"),
        ("! 5", "5", "5"),
        ("!!int '5'", 5, 5),
        ("!!float '5'", 5.0, 5.0),
        ("=", "=", "="),
    ],
)
def test_plain_words(text: str, sdk: Any, core: Any) -> None:
    for schema, expected in ((Schema.SDK, sdk), (Schema.CORE, core)):
        (document,) = read(f"value: {text}", schema)
        assert document == {"value": expected}
        assert type(document["value"]) is type(expected)


def test_keys_are_text_as_written() -> None:
    assert read("1: a\ntrue: b\n2024-01-31: c\n? \n: d\n", Schema.CORE) == [
        {"1": "a", "true": "b", "2024-01-31": "c", "": "d"}
    ]


def test_several_documents() -> None:
    assert read("---\n---\na: 1\n---\n- 2\n...\n", Schema.SDK) == [None, {"a": 1}, [2]]


def test_aliases_and_merge_keys() -> None:
    text = "base: &base {a: 1, b: &b [x]}\nmore: {<<: [{a: 2}, *base], c: *b, b: 3}\n*n : &n 5\n"
    with pytest.raises(YAMLError, match=r"alias '\*n' refers to nothing before it"):
        read(text, Schema.SDK)
    (document,) = read(text.replace("*n : &n 5", "'<<': 5"), Schema.SDK)
    assert document == {"base": {"a": 1, "b": ["x"]}, "more": {"a": 2, "c": ["x"], "b": 3}, "<<": 5}


def _laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    return "\n".join(lines)


def _merges() -> str:
    lines = ["a0: &a0 {k: 1, l: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], m{n}: 1}}" for n in range(1, 3000)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' is there twice", 3),
        ("a: 1\n'a': 3\n", "the key 'a' is there twice", 2),
        ("a: &a [*a]\n", "alias '*a' refers to what it is a part of", 1),
        ("? [a]\n: 1\n", "a key is not a text", 1),
        ("- &n 1\n- {*n : 2}\n", "a key is not a text", 2),
        ("<<: 5\n", "'<<' merges what is no mapping", 1),
        ("!!python/object/apply:os.system ['true']", "python/object/apply:os.system' is none of JSON's types", 1),
        ("a: !!binary aGk=", "binary' is none of JSON's types", 1),
        ("a: !own b", "'!own' is none of JSON's types", 1),
        ("a: !!int b", "'b' is no value of JSON", 1),
        ("a: !!bool b", "'b' is no value of JSON", 1),
        ("a: .inf", "'.inf' is no value of JSON", 1),
        ("\n\na: [1, ]]\n", "", 3),
        ("a: b: c", "mapping values are not allowed", 1),
        ("a: '\x1b[2J'", "control characters are not allowed", 0),
        ("'\x7f\x9b[2J'", "", 0),
        (f"a: 0x{'f' * 500}", "is no value of JSON", 1),
        ("- " * 100_000, f"more than {DEEPEST} levels", 1),
        ("[" * 100_000, "", 1),
        ("{a: " * 100_000, f"more than {DEEPEST} levels", 1),
        (_laughs(), f"more than {LARGEST_COUNT:,} values", 6),
        (_merges(), f"more than {LARGEST_COUNT:,} values", 7),
    ],
)
def test_what_is_refused_is_refused_at_once_and_by_line(text: str, problem: str, line: int) -> None:
    began = time.monotonic()
    with pytest.raises(YAMLError) as caught:
        read(text, Schema.SDK)
    assert time.monotonic() - began < 5
    assert problem in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).isprintable()


def test_the_deepest_document_is_read() -> None:
    document: Any = read("[" * DEEPEST + "]" * DEEPEST, Schema.CORE)
    for _ in range(DEEPEST):
        (document,) = document
    assert document == []


def test_a_document_with_more_values_than_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "LARGEST_COUNT", 1000)
    assert read("- 1\n" * 999, Schema.SDK) == [[1] * 999]
    with pytest.raises(YAMLError, match="more than 1,000 values") as caught:
        read("- 1\n" * 1000, Schema.SDK)
    assert caught.value.line == 1000
