"""What the tests of several commands begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.nested import chain


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    (tmp_path / "trace").touch()
    return chain(tmp_path / "chain.yaml", tmp_path / "trace")
