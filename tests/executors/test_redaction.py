from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.executors.redaction import RedactingStream, Redactor, spans

KEY = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def test_a_value_is_masked_wherever_it_stands() -> None:
    redactor = Redactor.of([b"hunter22", b"s3cret"])
    assert redactor.text("url=postgres://me:hunter22@db s3crets3cret") == "url=postgres://me:****@db ********"
    assert redactor.data(b"\xffhunter22\xff") == b"\xff****\xff"
    assert redactor.text("nothing here") == "nothing here"


def test_white_space_around_a_value_does_not_hide_it() -> None:
    assert Redactor.of([b"  hunter22 \n"]).text("the password is hunter22.") == "the password is ****."


@pytest.mark.parametrize(
    "written",
    [
        "p\"a/s\\s w\u00f6rd's",
        "p\\\"a/s\\\\s w\u00f6rd's",
        "p\\\"a/s\\\\s w\\u00f6rd's",
        "p\"a/s\\\\s w\u00f6rd\\'s",
        "p%22a%2Fs%5Cs%20w%C3%B6rd%27s",
    ],
)
def test_a_value_is_found_as_json_python_and_urls_write_it(written: str) -> None:
    redactor = Redactor.of(["p\"a/s\\s w\u00f6rd's".encode()])
    assert redactor.text(f"<{written}>") == "<****>"


def test_short_values_are_not_looked_for() -> None:
    redactor = Redactor.of([b"abc", b"", b" \n"])
    assert not redactor
    assert redactor.text("abc") == "abc"
    assert not redactor.finds(b"abc")


def test_of_a_value_of_several_lines_each_line_counts() -> None:
    redactor = Redactor.of([KEY])
    assert redactor.data(b"> MIIEvQIBADANBgkq <\n") == b"> **** <\n"
    assert redactor.data(KEY) == b"****\n****\n****\n****\n"
    assert Redactor.of([b'{\n"password": "hunter22"\n}\n']).text("{ }") == "{ }"


def test_the_longer_of_two_values_goes() -> None:
    assert Redactor.of([b"hunter", b"hunter22"]).text("hunter22 hunter") == "**** ****"


@given(value=st.binary(max_size=60))
def test_spans_are_parts_of_the_value(value: bytes) -> None:
    for start, end in spans(value):
        assert 0 <= start < end <= len(value)
        assert value[start:end].strip() == value[start:end]


_PIECES = st.sampled_from([b"abab", b"ababc", b"bcd", b"a", b"b", b"abcdabcd", b"\n", b"xabcdabcdx", b"cda"])


@given(pieces=st.lists(_PIECES, max_size=20), cuts=st.lists(st.integers(0, 80), max_size=10))
def test_a_stream_is_masked_wherever_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    redactor = Redactor([b"abab", b"ababc", b"bcda", b"abcdabcd", b"dabcdx"])
    whole = b"".join(pieces)
    borders = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    stream = RedactingStream(redactor)
    shown = [stream.feed(whole[start:end]) for start, end in pairwise(borders)]
    assert b"".join([*shown, stream.end()]) == redactor.data(whole)


def test_a_stream_holds_back_no_more_than_the_beginning_of_a_value() -> None:
    stream = RedactingStream(Redactor([b"hunter22"]))
    assert stream.feed(b"step 1 done\n") == b"step 1 done\n"
    assert stream.feed(b"password: hunt") == b"password: "
    assert stream.feed(b"ing\n") == b"hunting\n"
    assert stream.feed(b"hunter2") == b""
    assert stream.end() == b"hunter2"


def test_a_file_is_masked_as_a_whole(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    log.write_bytes(b"x" * ((1 << 20) - 4) + b"hunter22" + b"y" * 10)
    log.chmod(0o640)
    redactor = Redactor([b"hunter22"])
    assert redactor.anywhere_in(log)
    assert redactor.file(log)
    assert log.read_bytes() == b"x" * ((1 << 20) - 4) + b"****" + b"y" * 10
    assert log.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ["step.log"]
    before = log.stat().st_ino
    assert not redactor.file(log)
    assert log.stat().st_ino == before
    assert not redactor.file(tmp_path / "nothing")


@pytest.mark.parametrize("place", ["file", "deep/down/file", "named-hunter22"])
def test_a_value_is_found_anywhere_in_a_directory(tmp_path: Path, place: str) -> None:
    redactor = Redactor([b"hunter22"])
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("nothing")
    assert redactor.anywhere_in(tmp_path) is ("hunter22" in place)
    path.write_text("this hunter22")
    assert redactor.anywhere_in(tmp_path)
    assert not Redactor([]).anywhere_in(tmp_path)
