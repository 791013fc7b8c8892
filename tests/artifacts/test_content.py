"""What makes two files or directories the same artifact."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from stepcache.artifacts.artifact import Kind
from stepcache.artifacts.content import describe
from stepcache.errors import InputError
from tests.artifacts.trees import MODEL, Link, Program, Tree, grow


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_a_file_is_its_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    artifact = describe(path)
    assert (artifact.digest, artifact.size, artifact.kind) == (
        hashlib.sha256(data).hexdigest(),
        len(data),
        Kind.FILE,
    )


def test_neither_name_nor_time_nor_mode_of_a_file_counts(tmp_path: Path) -> None:
    one, other = grow(tmp_path / "one", "same"), grow(tmp_path / "other", "same")
    other.chmod(0o700)
    os.utime(other, (1, 1))
    assert describe(one) == describe(other)


def test_a_directory_is_the_sum_of_its_files(tmp_path: Path) -> None:
    artifact = describe(grow(tmp_path / "model", MODEL))
    assert artifact.kind is Kind.DIRECTORY
    assert artifact.size == len("1 2 3") + len("#!/bin/sh\n") + len("one") + len("two") + len("x")


def test_a_directory_is_the_same_wherever_and_whenever_it_was_made(tmp_path: Path) -> None:
    backwards = dict(reversed(MODEL.items()))
    one, other = grow(tmp_path / "one", MODEL), grow(tmp_path / "other", backwards)
    other.chmod(0o700)
    (other / "weights.bin").chmod(0o600)
    os.utime(other / "checkpoints", (1, 1))
    assert describe(one) == describe(other)


def test_a_manifest_is_pinned(tmp_path: Path) -> None:
    """Stored digests must mean the same after an upgrade."""
    grow(tmp_path / "tree", {"a": "1", "b": {"c": Program("22"), "d": Link("../a")}, "e": {}})
    one, two = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"22").hexdigest()
    manifest = f"stepcache directory 1\0f\0a\0-\0001\0{one}\0d\0b\0f\0b/c\0x\0002\0{two}\0l\0b/d\0../a\0d\0e\0"
    assert describe(tmp_path / "tree").digest == hashlib.sha256(manifest.encode()).hexdigest()


CHANGES: dict[str, tuple[Tree, Tree]] = {
    "a byte": ({"a": "x"}, {"a": "y"}),
    "a name": ({"a": "x"}, {"b": "x"}),
    "a file more": ({"a": "x"}, {"a": "x", "b": ""}),
    "an executable bit": ({"a": "x"}, {"a": Program("x")}),
    "an empty directory": ({"a": "x"}, {"a": "x", "b": {}}),
    "a directory for an empty file": ({"a": {}}, {"a": ""}),
    "a level": ({"a": {"b": "x"}}, {"b": "x", "a": {}}),
    "a name over a border": ({"a": {"bc": "x"}}, {"ab": {"c": "x"}}),
    "content between files": ({"a": "xy", "b": "z"}, {"a": "x", "b": "yz"}),
    "a link for its target": ({"a": "x", "b": "x"}, {"a": "x", "b": Link("a")}),
    "where a link leads": ({"a": "x", "b": "x", "c": Link("a")}, {"a": "x", "b": "x", "c": Link("b")}),
    "how a link is written": ({"a": "x", "c": Link("a")}, {"a": "x", "c": Link("./a")}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_difference_of_two_directories_counts(tmp_path: Path, what: str) -> None:
    before, after = CHANGES[what]
    assert describe(grow(tmp_path / "before", before)).digest != describe(grow(tmp_path / "after", after)).digest


def test_names_that_are_no_text_count(tmp_path: Path) -> None:
    digests = set()
    for name in (b"\xff", b"\xfe", "\N{REPLACEMENT CHARACTER}".encode()):
        directory = grow(tmp_path / name.hex(), {})
        (directory / os.fsdecode(name)).touch()
        digests.add(describe(directory).digest)
    assert len(digests) == 3


def test_what_is_neither_file_nor_directory_is_refused_by_name(tmp_path: Path) -> None:
    tree = grow(tmp_path / "tree", {"fine": "", "inner": {}})
    os.mkfifo(tree / "inner" / "pipe")
    with pytest.raises(InputError, match="pipe is a named pipe and cannot be stored"):
        describe(tree)
    with pytest.raises(InputError, match="named pipe"):
        describe(tree / "inner" / "pipe")
    (tree / "inner" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tree / "socket"))
        with pytest.raises(InputError, match="socket is a socket"):
            describe(tree)
    with pytest.raises(InputError, match="a device"):
        describe(Path("/dev/null"))
