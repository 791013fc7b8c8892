from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from stepcache.pipelines.platform.volumes import Volume, Volumes


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "home", "default", {})


def test_a_volume_keeps_its_data_until_it_is_deleted(volumes: Volumes, tmp_path: Path) -> None:
    assert volumes.find("notes") is None
    made, is_new = volumes.make("notes")
    assert is_new
    assert made.path.is_relative_to(tmp_path / "home" / "volumes")
    (made.path / "file").write_text("kept")

    again = Volumes(tmp_path / "home", "default", {})
    assert again.make("notes") == (made, False)
    found = again.find("notes")
    assert found == made
    assert (made.path / "file").read_text() == "kept"

    assert again.delete("notes")
    assert volumes.find("notes") is None
    assert not volumes.delete("notes")
    assert not list((tmp_path / "home" / "volumes").glob("*/*"))


def test_a_volume_that_is_made_again_is_another_one(volumes: Volumes) -> None:
    first, _ = volumes.make("notes")
    (first.path / "file").touch()
    volumes.delete("notes")
    second, _ = volumes.make("notes")
    assert list(second.path.iterdir()) == []
    assert first.label != second.label
    assert first.label.startswith("notes#")


def test_namespaces_do_not_meet(tmp_path: Path) -> None:
    names = ["a", "b", "", ".", "..", "a/b", "A"]
    paths = {Volumes(tmp_path, name, {}).make("v")[0].path for name in names}
    assert len(paths) == len(names)
    assert all(path.resolve().is_relative_to(tmp_path / "volumes") for path in paths)


def test_a_directory_of_the_users_comes_first_and_is_never_deleted(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    Volumes(tmp_path / "home", "default", {}).make("v")
    volumes = Volumes(tmp_path / "home", "default", {"v": mine})
    assert volumes.find("v") == Volume("v", mine, "")
    assert volumes.make("v") == (Volume("v", mine, ""), False)
    assert Volume("v", mine, "").label == "v"
    with pytest.raises(ValueError, match="given by the user"):
        volumes.delete("v")
    assert mine.is_dir()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "Upper", "a_b", "-a", "a" * 254])
def test_what_kubernetes_takes_as_no_name_is_none(volumes: Volumes, name: str) -> None:
    assert volumes.find(name) is None
    with pytest.raises(ValueError, match="cannot be the name of a volume claim"):
        volumes.make(name)
    assert not volumes.delete(name)


def test_what_a_cut_off_deletion_left_goes_with_the_next(volumes: Volumes, tmp_path: Path) -> None:
    made, _ = volumes.make("v")
    left = made.path.parents[1] / "+old.0123"
    (left / "data").mkdir(parents=True)
    assert volumes.find("+old.0123") is None
    volumes.delete("v")
    assert not left.exists()


def _make(home: Path, barrier: multiprocessing.synchronize.Barrier, results: multiprocessing.Queue[str]) -> None:
    volumes = Volumes(home, "default", {})
    barrier.wait()
    results.put(volumes.make("shared")[0].incarnation)


def test_two_makers_of_one_volume_get_the_same_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    makers = [context.Process(target=_make, args=(tmp_path, barrier, results)) for _ in range(4)]
    for maker in makers:
        maker.start()
    incarnations = {results.get(timeout=30) for _ in makers}
    for maker in makers:
        maker.join()
    assert len(incarnations) == 1
    assert [path.name for path in (tmp_path / "volumes" / "ns-default").iterdir()] == ["shared"]
