"""Taking files and directories into the store."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.content import describe
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.errors import InputError
from tests.artifacts.trees import MODEL, Link, Unprivileged, files, grow, seen, writable


def _kept(root: Path) -> int:
    """How many artifacts are in the store."""
    return len(list((root / "objects").glob("*/*")))


def _scratch(root: Path) -> list[Path]:
    return list((root / "scratch").iterdir())


def test_a_file_moves_under_its_digest(tmp_path: Path, root: Path, store: LocalArtifactStore) -> None:
    path = grow(tmp_path / "made", "content")
    inode, expected = path.stat().st_ino, describe(path)
    artifact = store.ingest(path)
    assert artifact == expected
    assert not path.exists()
    stored = store.path(artifact)
    assert stored == root / "objects" / artifact.digest[:2] / artifact.digest
    assert stored.read_text() == "content"
    assert stored.stat().st_ino == inode  # renamed, not copied
    assert _scratch(root) == []


def test_a_directory_moves_under_the_digest_of_its_manifest(
    tmp_path: Path, root: Path, store: LocalArtifactStore
) -> None:
    path = grow(tmp_path / "made", MODEL)
    inode, expected = (path / "weights.bin").stat().st_ino, describe(path)
    artifact = store.ingest(path)
    assert artifact == expected
    assert not path.exists()
    stored = store.path(artifact)
    assert stored == root / "objects" / artifact.digest[:2] / f"{artifact.digest}.dir"
    assert seen(stored) == MODEL
    assert (stored / "weights.bin").stat().st_ino == inode
    assert _scratch(root) == []


def test_bytes_are_stored_as_a_file(root: Path, store: LocalArtifactStore) -> None:
    artifact = store.ingest_bytes(b"\x00\xff")
    assert (artifact.size, artifact.kind) == (2, Kind.FILE)
    assert store.path(artifact).read_bytes() == b"\x00\xff"
    assert _scratch(root) == []


def test_what_is_stored_is_read_only(tmp_path: Path, store: LocalArtifactStore) -> None:
    artifacts = [
        store.ingest(grow(tmp_path / "file", "x")),
        store.ingest(grow(tmp_path / "directory", MODEL)),
        store.ingest_bytes(b"y"),
    ]
    assert [path for artifact in artifacts for path in writable(store.path(artifact))] == []


@pytest.mark.parametrize("tree", ["content", MODEL, {}], ids=["file", "directory", "empty directory"])
def test_identical_content_is_kept_once(tmp_path: Path, root: Path, store: LocalArtifactStore, tree: Any) -> None:
    artifacts = []
    for number in range(3):
        path = grow(tmp_path / f"made {number}", tree)
        artifacts.append(LocalArtifactStore.open(root).ingest(path))
        assert not path.exists()
    assert len(set(artifacts)) == 1
    assert _kept(root) == 1
    assert store.verify(artifacts[0]) is Verdict.INTACT
    assert store.ingest_bytes(b"content").kind is Kind.FILE
    assert _scratch(root) == []


@pytest.mark.parametrize("tree", ["content", MODEL], ids=["file", "directory"])
def test_what_is_on_another_file_system_is_copied_and_removed(
    elsewhere: Path, store: LocalArtifactStore, tree: Any
) -> None:
    path = grow(elsewhere / "made", tree)
    expected = describe(path)
    artifact = store.ingest(path)
    assert artifact == expected
    assert not path.exists()
    assert seen(store.path(artifact)) == tree
    assert writable(store.path(artifact)) == []
    assert store.verify(artifact) is Verdict.INTACT


def test_names_that_are_no_text_survive_a_move_and_a_copy(
    tmp_path: Path, elsewhere: Path, store: LocalArtifactStore
) -> None:
    artifacts = []
    for directory in (grow(tmp_path / "made", {}), grow(elsewhere / "made", {})):
        (directory / os.fsdecode(b"\xff\xfe")).write_text("x")
        artifacts.append(store.ingest(directory))
    assert artifacts[0] == artifacts[1]
    assert [os.fsencode(path.name) for path in store.path(artifacts[0]).iterdir()] == [b"\xff\xfe"]


def test_a_file_with_another_name_is_copied(tmp_path: Path, store: LocalArtifactStore) -> None:
    path = grow(tmp_path / "made", "content")
    other = tmp_path / "other name"
    other.hardlink_to(path)
    artifact = store.ingest(path)
    assert not path.exists()
    other.write_text("changed by its other name")
    assert store.path(artifact).read_text() == "content"
    assert store.verify(artifact) is Verdict.INTACT


def test_files_of_a_directory_that_have_other_names_are_copied(tmp_path: Path, store: LocalArtifactStore) -> None:
    path = grow(tmp_path / "made", {"deep": {"a": "content", "b": "own"}})
    outside = tmp_path / "outside"
    outside.hardlink_to(path / "deep" / "a")
    (path / "twin").hardlink_to(path / "deep" / "a")
    (path / "deep" / "a").chmod(0o755)
    (path / "deep").chmod(0o555)
    artifact = store.ingest(path)
    outside.write_text("changed by its other name")
    stored = store.path(artifact)
    assert [(stored / name).read_text() for name in ("deep/a", "twin", "deep/b")] == ["content", "content", "own"]
    assert (stored / "deep" / "a").stat().st_mode & 0o111
    assert store.verify(artifact) is Verdict.INTACT


@pytest.mark.parametrize("tree", ["content", MODEL], ids=["file", "directory"])
def test_what_a_link_names_is_copied_and_the_link_removed(
    tmp_path: Path, store: LocalArtifactStore, tree: Any
) -> None:
    original = grow(tmp_path / "original", tree)
    link = tmp_path / "link"
    link.symlink_to("original")
    artifact = store.ingest(link)
    assert not link.is_symlink()
    assert seen(original) == tree == seen(store.path(artifact))
    assert artifact == describe(original)


def test_a_path_may_be_relative_or_below_a_link(
    tmp_path: Path, store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path / "real", {"one": "1", "two": "2"})
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "real")
    inode = (tmp_path / "real" / "two").stat().st_ino
    assert store.path(store.ingest(Path("one"))).read_text() == "1"
    assert store.path(store.ingest(tmp_path / "link" / "two")).stat().st_ino == inode  # renamed, not copied
    assert list((tmp_path / "real").iterdir()) == []


def test_what_is_stored_already_is_copied_and_stays(tmp_path: Path, store: LocalArtifactStore) -> None:
    """A program may hand on what it was given: that must not be taken out of the store, nor out of an artifact."""
    directory = store.ingest(grow(tmp_path / "made", MODEL))
    file = store.ingest_bytes(b"file")
    assert store.ingest(store.path(directory)) == directory
    assert store.ingest(store.path(file)) == file
    part = store.ingest(store.path(directory) / "weights.bin")
    assert store.path(part).read_text() == "1 2 3"
    inner = store.ingest(store.path(directory) / "checkpoints" / "none")
    assert store.path(inner).is_dir()
    assert [store.verify(item) for item in (directory, file, part, inner)] == [Verdict.INTACT] * 4
    assert writable(store.path(part)) == []


def test_what_was_made_in_scratch_is_moved(store: LocalArtifactStore) -> None:
    path = grow(store.scratch() / "made", "content")
    inode = path.stat().st_ino
    artifact = store.ingest(path)
    assert not path.exists()
    assert store.path(artifact).stat().st_ino == inode


def test_a_directory_that_was_read_only_can_be_stored(tmp_path: Path, store: LocalArtifactStore) -> None:
    path = grow(tmp_path / "made", {"deep": {"file": "x"}})
    for directory in (path / "deep", path):
        directory.chmod(0o555)
    artifact = store.ingest(path)
    assert seen(store.path(artifact)) == {"deep": {"file": "x"}}


def _nothing(path: Path) -> Path:
    return path


def _dangling(path: Path) -> Path:
    path.symlink_to("nothing")
    return path


def _circle(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


def _below_a_file(path: Path) -> Path:
    return grow(path, "file") / "below"


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _pipe_in_a_directory(path: Path) -> Path:
    os.mkfifo(grow(path, {}) / "pipe")
    return path


def _socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))
    return path


def _link_to_a_pipe(path: Path) -> Path:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")
    return path


def _link_out(path: Path) -> Path:
    grow(path.with_name("outside"), "x")
    return grow(path, {"link": Link("../outside")})


def _nul(path: Path) -> Path:
    return path.with_name("a\0b")


REFUSED = [
    (_nothing, "does not exist"),
    (_dangling, "does not exist"),
    (_circle, "cannot be read"),
    (_below_a_file, "does not exist"),
    (_nul, "cannot be read"),
    (_pipe, "a named pipe"),
    (_pipe_in_a_directory, "a named pipe"),
    (_socket, "a socket"),
    (_link_to_a_pipe, "a named pipe"),
    (_link_out, "not inside"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("place", ["tmp_path", "elsewhere"])
def test_what_cannot_be_stored_is_refused_and_left_alone(
    root: Path, store: LocalArtifactStore, request: pytest.FixtureRequest, case: Any, place: str
) -> None:
    make, reason = case
    directory: Path = request.getfixturevalue(place) / "new"
    directory.mkdir()
    path = make(directory / "made")
    before = sorted(directory.rglob("*"))
    with pytest.raises(InputError, match=reason):
        store.ingest(path)
    assert sorted(directory.rglob("*")) == before
    assert files(root / "objects") == []
    assert _scratch(root) == []


def test_the_store_itself_cannot_be_stored(tmp_path: Path, root: Path, store: LocalArtifactStore) -> None:
    artifact = store.ingest_bytes(b"x")
    for path in (root, tmp_path, Path("/")):
        with pytest.raises(InputError, match="holds the artifact store itself"):
            store.ingest(path)
    assert store.verify(artifact) is Verdict.INTACT


def test_a_working_directory_or_mount_point_is_refused_not_emptied(
    store: LocalArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = grow(tmp_path / "here", {"file": "x"})
    monkeypatch.chdir(here)
    with pytest.raises(InputError, match="cannot be moved"):
        store.ingest(Path())
    assert seen(here) == {"file": "x"}


def test_what_may_not_be_read_is_refused_and_is_not_the_stores_fault(everyones: Path) -> None:
    with Unprivileged():
        store = LocalArtifactStore.open(everyones / "artifacts")
        secret = grow(everyones / "secret", {"inner": {"file": "x"}, "file": "y"})
        (secret / "file").chmod(0)
        with pytest.raises(InputError, match="secret/file may not be read"):
            store.ingest(secret)
        (secret / "file").chmod(0o400)
        (secret / "inner").chmod(0)
        with pytest.raises(InputError, match="secret/inner cannot be read"):
            store.ingest(secret)
        (secret / "inner").chmod(0o500)
        assert seen(store.path(store.ingest(secret))) == {"inner": {"file": "x"}, "file": "y"}


def test_what_may_not_be_moved_is_refused_and_is_not_the_stores_fault(everyones: Path) -> None:
    with Unprivileged():
        store = LocalArtifactStore.open(everyones / "artifacts")
        fixed = grow(everyones / "fixed", {"file": "x", "link": Link("file")})
        fixed.chmod(0o555)
        with pytest.raises(InputError, match="fixed/file cannot be moved"):
            store.ingest(fixed / "file")
        with pytest.raises(InputError, match="fixed/link may not be removed"):
            store.ingest(fixed / "link")
        assert seen(fixed) == {"file": "x", "link": Link("file")}


@pytest.mark.parametrize("damage", ["altered", "truncated", "a directory in its place", "a link in its place"])
def test_a_damaged_file_is_repaired_by_storing_it_again(
    tmp_path: Path, root: Path, store: LocalArtifactStore, damage: str
) -> None:
    artifact = store.ingest_bytes(b"content")
    stored = store.path(artifact)
    stored.chmod(0o644)
    if damage == "altered":
        stored.write_bytes(b"CONTENT")
    elif damage == "truncated":
        stored.write_bytes(b"con")
    else:
        stored.unlink()
        if damage == "a link in its place":
            stored.symlink_to(grow(tmp_path / "elsewhere", "content"))
        else:
            grow(stored, {"file": "x"})
    assert store.verify(artifact) is Verdict.ALTERED
    assert store.ingest_bytes(b"content") == artifact
    assert stored.read_bytes() == b"content"
    assert not stored.is_symlink()
    assert writable(stored) == []
    assert LocalArtifactStore.open(root).verify(artifact) is Verdict.INTACT
    assert _scratch(root) == []


@pytest.mark.parametrize("damage", ["altered", "a file less", "a file more", "emptied", "a file in its place"])
def test_a_damaged_directory_is_repaired_by_storing_it_again(
    tmp_path: Path, root: Path, store: LocalArtifactStore, damage: str
) -> None:
    artifact = store.ingest(grow(tmp_path / "made", MODEL))
    stored = store.path(artifact)
    for path in (stored, *stored.rglob("*")):
        path.chmod(0o755)
    (stored / "weights.bin").chmod(0o644)
    if damage == "altered":
        (stored / "weights.bin").write_text("3 2 1")
    elif damage == "a file less":
        (stored / "empty").unlink()
    elif damage == "a file more":
        (stored / "more").touch()
    else:
        stored.rename(tmp_path / "away")
        grow(stored, {} if damage == "emptied" else "file")
    assert store.verify(artifact) is Verdict.ALTERED
    assert store.ingest(grow(tmp_path / "made", MODEL)) == artifact
    assert seen(stored) == MODEL
    assert writable(stored) == []
    assert LocalArtifactStore.open(root).verify(artifact) is Verdict.INTACT
    assert _scratch(root) == []


def test_a_file_that_holds_the_manifest_of_a_directory_is_another_artifact(
    tmp_path: Path, store: LocalArtifactStore
) -> None:
    directory = store.ingest(grow(tmp_path / "made", {"d": {}}))
    file = store.ingest_bytes(b"stepcache directory 1\0d\0d\0")
    assert file.digest == directory.digest
    assert store.path(directory).is_dir()
    assert store.path(file).is_file()
    assert [store.verify(directory), store.verify(file)] == [Verdict.INTACT] * 2


def test_a_removed_artifact_is_missing(tmp_path: Path, root: Path, store: LocalArtifactStore) -> None:
    for artifact in (store.ingest_bytes(b"x"), store.ingest(grow(tmp_path / "made", MODEL))):
        assert store.verify(artifact) is Verdict.INTACT
        assert store.remove(artifact)
        assert not store.path(artifact).exists()
        assert store.verify(artifact) is Verdict.MISSING
        assert not store.remove(artifact)
    assert not store.remove(Artifact("0" * 64, 1))
    assert _scratch(root) == []
    assert store.verify(store.ingest_bytes(b"x")) is Verdict.INTACT
