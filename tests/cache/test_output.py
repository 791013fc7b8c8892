from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.cache.output import Output

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
artifacts = st.builds(
    Artifact, st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(0, 2**60), st.sampled_from(Kind)
)


digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.builds(Output, json_values, st.lists(artifacts).map(tuple), st.dictionaries(digests, st.text())))
def test_an_output_is_read_back_as_it_was(output: Output) -> None:
    assert Output.from_text(output.to_text()) == output


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "7", '{"artifacts": []}', '{"value": 1, "artifacts": 7}',
        '{"value": 1, "artifacts": [7]}', '{"value": 1, "artifacts": [["aa", 1]]}',
        '{"value": 1, "artifacts": [["aa", 1, "socket"]]}', '{"value": 1, "artifacts": [["aa", "1", "file"]]}',
        '{"value": 1, "artifacts": [[1, 1, "file"]]}', '{"value": 1',
        '{"value": 1, "artifacts": [["../../../etc/passwd", 1, "file"]]}',
        '{"value": 1, "rests_on": 7}', '{"value": 1, "rests_on": {"a": "b"}}', '{"value": 1, "rests_on": ["a"]}',
        '{"value": 1, "artifacts": [["' + "A" * 64 + '", 1, "file"]]}',
    ],
)  # fmt: skip
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Output.from_text(text)


def test_what_is_not_json_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Output(float("nan")).to_text()
