from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stepcache


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cache(home: Path) -> Iterator[stepcache.BlockingCache]:
    with stepcache.open(home=home) as cache:
        yield cache
