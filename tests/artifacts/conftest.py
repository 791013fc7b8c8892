from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.artifacts.scratch import remove

_SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(root: Path) -> LocalArtifactStore:
    return LocalArtifactStore.open(root)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A new directory on another file system than ``tmp_path``."""
    if not _SHARED_MEMORY.is_dir() or _SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system at /dev/shm")
    directory = Path(tempfile.mkdtemp(dir=_SHARED_MEMORY))
    yield directory
    remove(directory)


@pytest.fixture
def everyones() -> Iterator[Path]:
    """A new directory that every user may reach and write to."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o777)
    yield directory
    remove(directory)
