from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.executors.supervisor import Supervisor


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    supervisor = Supervisor()
    await supervisor.started()
    yield supervisor
    await supervisor.close()
    assert processes.is_gone(supervisor.process)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The working directory of a step."""
    directory = tmp_path / "step"
    directory.mkdir()
    return directory
