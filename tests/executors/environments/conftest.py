from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stepcache.executors.environments.environments import Environments
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.request import Request
from stepcache.executors.supervisor import Supervisor
from tests.executors.environments.packages import wheel

Opening = Callable[..., Environments]


@pytest.fixture(scope="session")
def engine_layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the layers of kfp and pip, which every environment has and which take a second to compile."""
    home = tmp_path_factory.mktemp("engine-layers")
    links = home / "links"
    wheel(links, "nothing")

    async def make() -> None:
        supervisor = Supervisor()
        await supervisor.started()
        try:
            request = Request.of(["nothing"], ["--no-index", "--find-links", str(links)])
            await Environments(home, supervisor).ready(request)
        finally:
            await supervisor.close()

    asyncio.run(make())
    return home / "environments" / "layers"


@pytest.fixture
def home(tmp_path: Path, engine_layers: Path) -> Path:
    for name in ("kfp", "pip"):
        for layer in engine_layers.glob(f"{name}-*/"):
            target = tmp_path / "home" / "environments" / "layers" / layer.name
            shutil.copytree(layer, target, copy_function=os.link)
    return tmp_path / "home"


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """A directory of wheels."""
    links = tmp_path / "links"
    wheel(links, "alpha", "1.0", requires=["beta"], commands=["say-where"])
    wheel(links, "alpha", "2.0", requires=["beta"], commands=["say-where"])
    wheel(links, "beta", "1.0", files={"beta-1.0.data/data/share/beta/data.txt": "shared"})
    return links


@pytest.fixture
def wanted(links: Path) -> Callable[..., Request]:
    """A request for packages of ``links``."""
    return lambda *requirements: Request.of(requirements, ["--no-index", "--find-links", str(links)])


@pytest.fixture
def opened(home: Path, supervisor: Supervisor) -> Opening:
    """The environments of the home, as another engine opens them."""
    return lambda **given: Environments(home, supervisor, **given)


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter.of_engine()
