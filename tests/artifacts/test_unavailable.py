"""A store that cannot be used says so: what it holds is never taken for missing."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepcache.artifacts.artifact import Artifact, Verdict
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.artifacts.marker import MARKER
from stepcache.errors import ArtifactStoreUnavailableError, InputError
from tests.artifacts.trees import MODEL, Unprivileged, files, grow, seen

ABSENT = Artifact("0" * 64, 1)


def _gone(root: Path) -> None:
    root.rename(root.with_name("unmounted"))


def _empty_mount_point(root: Path) -> None:
    _gone(root)
    root.mkdir()


def _file_in_its_place(root: Path) -> None:
    _gone(root)
    root.touch()


def _another_store(root: Path) -> None:
    _gone(root)
    LocalArtifactStore.open(root)


def _marker_lost(root: Path) -> None:
    (root / MARKER).unlink()


def _marker_damaged(root: Path) -> None:
    (root / MARKER).write_text("{")


def _marker_of_another_kind(root: Path) -> None:
    (root / MARKER).write_text("[]")


def _newer_version(root: Path) -> None:
    document = json.loads((root / MARKER).read_text())
    (root / MARKER).write_text(json.dumps(document | {"version": 2}))


def _circle(root: Path) -> None:
    (root / MARKER).unlink()
    (root / MARKER).symlink_to(MARKER)


def _input_output_error(root: Path) -> None:
    (root / MARKER).unlink()
    (root / MARKER).symlink_to("/proc/self/mem")  # EIO, as nothing is at its address 0


FAILURES: list[tuple[Callable[[Path], None], str]] = [
    (_gone, "is not there"),
    (_empty_mount_point, "is not there"),
    (_file_in_its_place, "is not there"),
    (_another_store, "is another artifact store"),
    (_marker_lost, "is not there"),
    (_marker_damaged, "is damaged"),
    (_marker_of_another_kind, "is damaged"),
    (_newer_version, "newer stepcache"),
    (_circle, "cannot be used: Too many levels of symbolic links"),
    (_input_output_error, "cannot be used: Input/output error"),
]


@pytest.mark.parametrize(("fail", "reason"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_operation_says_that_the_store_is_unavailable(
    tmp_path: Path, root: Path, store: LocalArtifactStore, fail: Callable[[Path], None], reason: str
) -> None:
    made = grow(tmp_path / "made", MODEL)
    fail(root)
    for operation in (
        store.scratch,
        lambda: store.ingest(made),
        lambda: store.ingest_bytes(b"x"),
        lambda: store.verify(ABSENT),
        lambda: store.remove(ABSENT),
        lambda: LocalArtifactStore.open(root, store.identity),
    ):
        with pytest.raises(ArtifactStoreUnavailableError, match=reason) as error:
            operation()
        assert str(root) in str(error.value)
        assert error.value.remedy
        assert error.value.exit_code == 3
    assert not store.proven(ABSENT)
    assert seen(made) == MODEL


def test_a_store_that_is_mounted_again_is_used_again(root: Path, store: LocalArtifactStore) -> None:
    artifact = store.ingest_bytes(b"x")
    _empty_mount_point(root)
    with pytest.raises(ArtifactStoreUnavailableError):
        store.verify(artifact)
    assert list(root.iterdir()) == []  # nothing was made at the mount point
    root.rmdir()
    root.with_name("unmounted").rename(root)
    assert store.verify(artifact) is Verdict.INTACT


def test_a_store_that_may_not_be_read_is_unavailable(root: Path, store: LocalArtifactStore) -> None:
    artifact = store.ingest_bytes(b"x")
    root.chmod(0)
    try:
        with Unprivileged():
            for operation in (lambda: store.verify(artifact), lambda: store.ingest_bytes(b"y"), store.scratch):
                with pytest.raises(ArtifactStoreUnavailableError, match="cannot be used: Permission denied"):
                    operation()
            assert not store.proven(artifact)
    finally:
        root.chmod(0o755)
    assert store.verify(artifact) is Verdict.INTACT


def test_an_object_that_may_not_be_read_is_not_taken_for_altered(everyones: Path) -> None:
    with Unprivileged():
        store = LocalArtifactStore.open(everyones / "artifacts")
        file, directory = store.ingest_bytes(b"x"), store.ingest(grow(everyones / "made", MODEL))
        store.path(file).chmod(0)
        (store.path(directory) / "checkpoints").chmod(0)
        for artifact in (file, directory):
            with pytest.raises(ArtifactStoreUnavailableError, match="Permission denied"):
                store.verify(artifact)
        (store.path(directory) / "checkpoints").chmod(0o555)


def test_a_store_that_may_only_be_read_gives_verdicts(everyones: Path) -> None:
    store = LocalArtifactStore.open(everyones / "artifacts")
    artifact = store.ingest_bytes(b"x")
    with Unprivileged():
        reader = LocalArtifactStore.open(everyones / "artifacts", store.identity)
        assert reader.verify(artifact) is Verdict.INTACT
        assert reader.verify(ABSENT) is Verdict.MISSING


@contextmanager
def no_room_for(size: int) -> Iterator[None]:
    """Within the block, no file of this process can grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_half_written(root: Path, store: LocalArtifactStore, elsewhere: Path) -> None:
    before = store.ingest_bytes(b"before")
    file = grow(elsewhere / "file", "x" * 100_000)
    tree = grow(elsewhere / "tree", {"small": "x", "inner": {"large": "y" * 100_000}})
    operations: list[Callable[[], Artifact]] = [
        lambda: store.ingest_bytes(b"z" * 100_000),
        lambda: store.ingest(file),
        lambda: store.ingest(tree),
    ]
    for operation in operations:
        with no_room_for(65_536), pytest.raises(ArtifactStoreUnavailableError, match="File too large") as error:
            operation()
        assert "not full" in error.value.remedy
        assert files(root / "objects") == [store.path(before)]
        assert list((root / "scratch").iterdir()) == []
    assert len(seen(file)) == 100_000
    assert seen(tree) == {"small": "x", "inner": {"large": "y" * 100_000}}
    assert store.ingest(file).size == store.ingest_bytes(b"z" * 100_000).size == 100_000


@pytest.mark.parametrize("tree", ["content", MODEL], ids=["file", "directory"])
def test_what_could_not_be_stored_is_given_back(
    tmp_path: Path, root: Path, store: LocalArtifactStore, tree: object
) -> None:
    """It may have taken hours to make."""
    made = grow(tmp_path / "made", tree)  # type: ignore[arg-type]
    (root / "objects").touch()  # no place for a directory
    with pytest.raises(ArtifactStoreUnavailableError):
        store.ingest(made)
    assert seen(made) == tree
    (root / "objects").unlink()
    assert seen(store.path(store.ingest(made))) == tree


def test_what_was_copied_to_be_stored_is_still_there_if_it_could_not(
    root: Path, store: LocalArtifactStore, elsewhere: Path
) -> None:
    made = grow(elsewhere / "made", MODEL)
    (root / "objects").touch()
    with pytest.raises(ArtifactStoreUnavailableError):
        store.ingest(made)
    assert seen(made) == MODEL


def test_a_store_is_made_where_there_is_none(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    store = LocalArtifactStore.open(root)
    assert len(store.identity) == 32
    assert LocalArtifactStore.open(root).identity == store.identity
    assert LocalArtifactStore.open(root, store.identity).location == store.location == f"file://{root}"
    assert [path.name for path in root.iterdir()] == [MARKER]
    assert LocalArtifactStore.open(tmp_path / "c").identity != store.identity


def test_a_location_names_any_directory(tmp_path: Path) -> None:
    store = LocalArtifactStore.open(tmp_path / "with space, ü and %")
    assert store.location == f"file://{tmp_path}/with%20space%2C%20%C3%BC%20and%20%25"
    artifact = store.ingest_bytes(b"x")
    assert store.verify(artifact) is Verdict.INTACT


def test_a_directory_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    root = grow(tmp_path / "root", {"thesis.txt": "precious", "zebra": "x"})
    with pytest.raises(InputError, match=r"is no artifact store and is not empty \(it holds thesis.txt\)"):
        LocalArtifactStore.open(root)
    assert seen(root) == {"thesis.txt": "precious", "zebra": "x"}


def test_what_a_killed_maker_left_is_no_obstacle(tmp_path: Path) -> None:
    root = grow(tmp_path / "root", {f"{MARKER}.0123456789abcdef": "{"})
    assert LocalArtifactStore.open(root).identity


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_where_none_can_be_made_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactStoreUnavailableError, match="cannot be used"):
        LocalArtifactStore.open(tmp_path / place)


def test_a_known_store_is_never_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    with pytest.raises(ArtifactStoreUnavailableError, match="is not there"):
        LocalArtifactStore.open(root, "0" * 32)
    assert not root.exists()
