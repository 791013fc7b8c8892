from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from stepcache.executors.distributions import installed, missing_requirements, normalise


def _make(directory: Path, *names: str) -> str:
    for name in names:
        (directory / name).mkdir(parents=True)
    return str(directory)


def test_agrees_with_importlib_metadata() -> None:
    expected = {normalise(one.metadata["Name"]): one.version for one in metadata.distributions()}
    assert installed() == expected


def test_reads_names_of_directories(tmp_path: Path) -> None:
    site = _make(
        tmp_path / "a",
        "Foo_Bar.baz-1.0.dist-info",
        "old-2.1-py3.11.egg-info",
        "zope.interface-6.0rc1+local.dist-info",
        "package",
        "nameless.dist-info",
    )
    assert installed([site]) == {"foo-bar-baz": "1.0", "old": "2.1", "zope-interface": "6.0rc1+local"}


def test_the_first_directory_wins_and_a_missing_one_is_none(tmp_path: Path) -> None:
    first, second = (
        _make(tmp_path / "a", "foo-2.dist-info"),
        _make(tmp_path / "b", "foo-1.dist-info", "bar-1.dist-info"),
    )
    assert installed([str(tmp_path / "missing"), first, second]) == {"foo": "2", "bar": "1"}


@pytest.mark.parametrize(
    "requirement",
    [
        "kfp",
        "KFP>=2,<3",
        "PyYAML >= 6",
        "scikit_learn",
        "absent; python_version < '3'",
        "requests[security]",
        "kfp>=2.0.0rc1",
    ],
)
def test_satisfied(requirement: str) -> None:
    assert missing_requirements([requirement]) == []


@pytest.mark.parametrize(
    "requirement",
    [
        "absent",
        "kfp<2",
        "absent; python_version >= '3'",
        "kfp @ https://example.com/kfp.whl",
        "git+https://example.com/kfp.git",
        "./wheel.whl",
        "--pre",
        "requests[socks]",  # PySocks is not here
        "",
    ],
)
def test_missing(requirement: str) -> None:
    assert missing_requirements(["kfp", requirement, "pyyaml"]) == [requirement]
