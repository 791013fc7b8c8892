"""What a verification finds, and when it need not read the bytes again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stepcache.artifacts import content, local
from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.artifacts.proofs import Proofs
from tests.artifacts.trees import MODEL, grow, until

TICK = 50_000_000  # nanoseconds


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every path whose bytes were read for a verification."""
    read: list[Path] = []
    describe = content.describe

    def noted(path: Path) -> Artifact:
        read.append(path)
        return describe(path)

    monkeypatch.setattr(content, "describe", noted)
    return read


def _verified(store: LocalArtifactStore, artifact: Artifact, readings: list[Path]) -> None:
    """Verify until there is a proof: the file system's clock has to move on after the last change."""

    def needs_no_reading() -> bool:
        readings.clear()
        assert store.verify(artifact) is Verdict.INTACT
        return readings == []

    until(needs_no_reading)


def _overwrite(path: Path, data: bytes) -> None:
    """Change the bytes in place, and hide that from all but ctime."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_is_proven_once_it_was_verified(store: LocalArtifactStore, readings: list[Path]) -> None:
    artifact = store.ingest_bytes(b"good")
    assert not store.proven(artifact)
    _verified(store, artifact, readings)
    assert store.proven(artifact)


def test_another_process_may_rely_on_a_proof(root: Path, store: LocalArtifactStore, readings: list[Path]) -> None:
    file, directory = store.ingest_bytes(b"good"), store.ingest(grow(root.with_name("made"), MODEL))
    _verified(store, file, readings)
    _verified(store, directory, readings)
    other = LocalArtifactStore.open(root)
    assert other.proven(file)
    assert [other.verify(file), other.verify(directory)] == [Verdict.INTACT] * 2
    assert readings == []


def test_a_directory_is_never_proven_by_a_quick_look(
    root: Path, store: LocalArtifactStore, readings: list[Path]
) -> None:
    artifact = store.ingest(grow(root.with_name("made"), MODEL))
    _verified(store, artifact, readings)
    assert not store.proven(artifact)


def test_a_change_is_noticed_although_size_and_mtime_are_the_same(
    root: Path, store: LocalArtifactStore, readings: list[Path]
) -> None:
    artifact = store.ingest_bytes(b"good")
    _verified(store, artifact, readings)
    _overwrite(store.path(artifact), b"evil")
    for one in (store, LocalArtifactStore.open(root)):
        assert not one.proven(artifact)
        assert one.verify(artifact) is Verdict.ALTERED


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system whose clock ticks twenty times a second, whatever the one of this machine does."""
    moment = Proofs.moment

    def look_at(path: Path, _: Kind) -> tuple[str, int, int]:
        status = path.lstat()
        changed = status.st_ctime_ns // TICK * TICK
        return f"{status.st_ino} {status.st_size} {changed}", changed, status.st_size

    monkeypatch.setattr(local, "look_at", look_at)
    monkeypatch.setattr(Proofs, "moment", lambda proofs: moment(proofs) // TICK * TICK)


@pytest.mark.usefixtures("slow_clock")
def test_a_change_in_the_very_moment_of_the_verification_is_noticed(store: LocalArtifactStore) -> None:
    """Within one tick of the clock, a change leaves no trace that a later look could see."""
    artifact = store.ingest_bytes(b"good")
    path = store.path(artifact)
    for _ in range(100):
        _overwrite(path, b"good")
        assert store.verify(artifact) is Verdict.INTACT
        _overwrite(path, b"evil")
        assert store.verify(artifact) is Verdict.ALTERED


@pytest.mark.usefixtures("slow_clock")
def test_a_change_while_the_bytes_are_read_is_noticed(
    store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A long file takes longer to read than the clock to tick, and its beginning may change meanwhile."""
    artifact = store.ingest_bytes(b"good")
    path, describe = store.path(artifact), content.describe

    def changed_behind_the_readers_back(_: Path) -> Artifact:
        found = describe(path)
        _overwrite(path, b"evil")
        began = _now(tmp_path)
        until(lambda: _now(tmp_path) > began + 2 * TICK)
        return found

    for _ in range(5):
        _overwrite(path, b"good")
        with monkeypatch.context() as patch:
            patch.setattr(content, "describe", changed_behind_the_readers_back)
            store.verify(artifact)
        assert store.verify(artifact) is Verdict.ALTERED


def _now(directory: Path) -> int:
    probe = directory / "probe"
    probe.write_text("")
    return probe.stat().st_mtime_ns


def test_a_touch_costs_a_reading_and_no_more(store: LocalArtifactStore, readings: list[Path]) -> None:
    artifact = store.ingest_bytes(b"good")
    _verified(store, artifact, readings)
    store.path(artifact).chmod(0o400)
    assert not store.proven(artifact)
    assert store.verify(artifact) is Verdict.INTACT
    assert readings == [store.path(artifact)]
    _verified(store, artifact, readings)


def test_a_copy_in_its_place_is_read_again(tmp_path: Path, store: LocalArtifactStore, readings: list[Path]) -> None:
    artifact = store.ingest_bytes(b"good")
    _verified(store, artifact, readings)
    shutil.copy2(store.path(artifact), tmp_path / "copy")
    (tmp_path / "copy").replace(store.path(artifact))
    assert not store.proven(artifact)
    assert store.verify(artifact) is Verdict.INTACT
    assert len(readings) == 1


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"some text"])
def test_a_proof_that_is_damaged_proves_nothing(
    root: Path, store: LocalArtifactStore, readings: list[Path], damage: bytes
) -> None:
    artifact = store.ingest_bytes(b"good")
    _verified(store, artifact, readings)
    (proof,) = (root / "proofs").rglob(artifact.digest)
    proof.write_bytes(damage)
    other = LocalArtifactStore.open(root)
    assert not other.proven(artifact)
    assert other.verify(artifact) is Verdict.INTACT
    _verified(other, artifact, readings)


def test_without_room_for_proofs_every_verification_reads(
    root: Path, store: LocalArtifactStore, readings: list[Path]
) -> None:
    artifact = store.ingest_bytes(b"good")
    (root / "proofs").touch()
    began = _now(root.parent)
    until(lambda: _now(root.parent) > began)
    readings.clear()
    for count in (1, 2):
        assert store.verify(artifact) is Verdict.INTACT
        assert len(readings) == count


def test_proofs_leave_no_other_files(root: Path, store: LocalArtifactStore, readings: list[Path]) -> None:
    artifacts = [store.ingest_bytes(b"%d" % number) for number in range(3)]
    for artifact in artifacts:
        _verified(store, artifact, readings)
    kept = {path.name for path in (root / "proofs").rglob("*") if path.is_file()}
    assert kept == {artifact.digest for artifact in artifacts}
    for artifact in artifacts:
        store.remove(artifact)
    assert [path for path in (root / "proofs").rglob("*") if path.is_file()] == []


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.rename(path.with_name("away"))
    path.symlink_to("away")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, tuple[Callable[[Path], object], Verdict]] = {
    "a byte flipped": (lambda path: _overwrite(path, b"evil"), Verdict.ALTERED),
    "truncated": (lambda path: os.truncate(path, 3), Verdict.ALTERED),
    "appended": (lambda path: os.truncate(path, 5), Verdict.ALTERED),
    "deleted": (Path.unlink, Verdict.MISSING),
    "its directory deleted": (lambda path: shutil.rmtree(path.parent), Verdict.MISSING),
    "a directory in its place": (_directory, Verdict.ALTERED),
    "a link to the same bytes": (_link, Verdict.ALTERED),
    "a pipe": (_pipe, Verdict.ALTERED),
}


@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.parametrize("proven", [False, True])
def test_damage_of_a_file(store: LocalArtifactStore, readings: list[Path], what: str, proven: bool) -> None:
    damage, verdict = DAMAGES[what]
    artifact = store.ingest_bytes(b"good")
    if proven:
        _verified(store, artifact, readings)
    damage(store.path(artifact))
    assert not store.proven(artifact)
    assert store.verify(artifact) is verdict
    assert store.verify(artifact) is verdict


def test_a_file_of_another_size_is_not_read(store: LocalArtifactStore, readings: list[Path]) -> None:
    artifact = store.ingest_bytes(b"good")
    os.truncate(store.path(artifact), 1_000_000)
    readings.clear()
    assert store.verify(artifact) is Verdict.ALTERED
    assert readings == []


def _retarget(path: Path) -> None:
    (path / "latest").unlink()
    (path / "latest").symlink_to("checkpoints/1")


def _swap(path: Path) -> None:
    (path / "checkpoints").chmod(0o755)
    for old, new in (("1", "x"), ("2", "1"), ("x", "2")):
        (path / "checkpoints" / old).chmod(0o755)
        (path / "checkpoints" / old).rename(path / "checkpoints" / new)


INNER_DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte flipped": lambda path: _overwrite(path / "weights.bin", b"3 2 1"),
    "truncated": lambda path: os.truncate(path / "weights.bin", 1),
    "a file deleted": lambda path: (path / "empty").unlink(),
    "a file more": lambda path: (path / "more").touch(),
    "a directory more": lambda path: (path / "more").mkdir(),
    "an executable bit more": lambda path: (path / "weights.bin").chmod(0o555),
    "an executable bit less": lambda path: (path / "run.sh").chmod(0o444),
    "a name changed": lambda path: (path / "empty").rename(path / "void"),
    "two directories swapped": _swap,
    "a link that leads elsewhere": _retarget,
    "a link that leads nowhere": lambda path: shutil.rmtree(path / "checkpoints" / "2"),
    "a pipe": lambda path: os.mkfifo(path / "pipe"),
}


@pytest.mark.parametrize("what", INNER_DAMAGES)
@pytest.mark.parametrize("proven", [False, True])
def test_damage_inside_a_directory(
    tmp_path: Path, store: LocalArtifactStore, readings: list[Path], what: str, proven: bool
) -> None:
    artifact = store.ingest(grow(tmp_path / "made", MODEL))
    if proven:
        _verified(store, artifact, readings)
    path = store.path(artifact)
    for directory in (path, path / "checkpoints", path / "checkpoints" / "2"):
        directory.chmod(0o755)
    INNER_DAMAGES[what](path)
    assert store.verify(artifact) is Verdict.ALTERED
    assert store.verify(artifact) is Verdict.ALTERED


def test_an_artifact_is_known_by_digest_size_and_kind(tmp_path: Path, store: LocalArtifactStore) -> None:
    file, directory = store.ingest_bytes(b"good"), store.ingest(grow(tmp_path / "made", MODEL))
    assert store.verify(replace(file, size=5)) is Verdict.ALTERED
    assert store.verify(replace(directory, size=5)) is Verdict.ALTERED
    assert store.verify(replace(file, kind=Kind.DIRECTORY)) is Verdict.MISSING
    assert store.verify(replace(directory, kind=Kind.FILE)) is Verdict.MISSING
    assert store.verify(replace(file, digest="0" * 64)) is Verdict.MISSING
    assert [store.verify(file), store.verify(directory)] == [Verdict.INTACT] * 2


def test_existence_is_kind_and_size_alone(tmp_path: Path, store: LocalArtifactStore) -> None:
    file, directory = store.ingest_bytes(b"good"), store.ingest(grow(tmp_path / "made", MODEL))
    assert store.exists(file)
    assert store.exists(directory)
    _overwrite(store.path(file), b"evil")
    assert store.exists(file)
    os.truncate(store.path(file), 3)
    assert not store.exists(file)
    _directory(store.path(file))
    assert not store.exists(file)
    assert not store.exists(replace(directory, kind=Kind.FILE))
    assert not store.exists(replace(file, digest="0" * 64))
