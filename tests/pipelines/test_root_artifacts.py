import os
from pathlib import Path

import pytest

from stepcache.pipelines import root_artifacts
from stepcache.pipelines.model import ArtifactSpec
from stepcache.pipelines.root_inputs import Given

DATASET = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}


def _resolve(
    *places: str, is_list: bool = False, optional: bool = False
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    declared = {"data": ArtifactSpec(DATASET, is_list=is_list, optional=optional)}
    return root_artifacts.resolve(declared, Given(artifacts={"data": places} if places else {}))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "with space").mkdir()
    (tmp_path / "link").symlink_to("data.csv")
    (tmp_path / "dangling").symlink_to("absent")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("data.csv", "data.csv"),
        ("./with space/../data.csv", "data.csv"),
        ("with space", "with space"),
        ("link", "link"),
        ("~/data.csv", "data.csv"),
        ("{here}/data.csv", "data.csv"),
        ("file://{here}/with%20space", "with space"),
        ("FILE://localhost{here}/data.csv", "data.csv"),
    ],
)
def test_a_path_that_is_there_becomes_absolute(tmp_path: Path, place: str, path: str) -> None:
    assert _resolve(place.format(here=tmp_path)) == ({"data": (str(tmp_path / path),)}, [])


@pytest.mark.parametrize("uri", ["gs://bucket/a b", "s3://bucket/key", "minio+tls://h/x", "https://h/x?y=z#a"])
def test_a_uri_stays_as_it_is(uri: str) -> None:
    assert _resolve(uri) == ({"data": (uri,)}, [])


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("absent", "absent is not there"),
        ("dangling", "dangling is not there"),
        ("file:///absent", "file:///absent is not there"),
        ("file://other/data.csv", "is a file on another machine"),
        ("s3://", "s3:// is not there"),
        ("", "nothing is no path or URI"),
        ("pipe", "pipe is neither a file nor a directory"),
        ("nul\0", "nul"),
        ("x" * 5000, "File name too long"),
        ("~nobody-of-this-name/x", "is not there"),
    ],
)
def test_what_is_not_there_is_a_problem(place: str, problem: str) -> None:
    addresses, problems = _resolve(place)
    assert addresses == {}
    assert len(problems) == 1
    assert problems[0].startswith("artifact 'data': ")
    assert problem in problems[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_path_without_permission(tmp_path: Path) -> None:
    (tmp_path / "data.csv").chmod(0)
    assert _resolve("data.csv")[1] == ["artifact 'data': data.csv cannot be read"]


def test_missing_optional_and_several() -> None:
    assert _resolve() == ({}, ["artifact 'data' is missing (system.Dataset)"])
    assert _resolve(is_list=True) == ({}, ["artifact 'data' is missing (a list of system.Dataset)"])
    assert _resolve(optional=True) == ({}, [])
    assert _resolve("a://b", "c://d", is_list=True) == ({"data": ("a://b", "c://d")}, [])
    assert _resolve("a://b", "c://d")[1] == ["artifact 'data' is one artifact, and 2 are given"]
    assert len(_resolve("absent", "pipe", is_list=True)[1]) == 2
