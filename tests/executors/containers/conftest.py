from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepcache.container_engine import OWNER_LABEL
from stepcache.executors.containers.command import ContainerCommand
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.supervisor import Supervisor
from tests.executors.containers import worlds
from tests.executors.containers.standin.daemon import Daemon
from tests.executors.containers.worlds import World


@pytest.fixture(scope="session")
def podman() -> Iterator[World]:
    with worlds.podman() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[World]:
    with worlds.stand_in(tmp_path) as found:
        yield found


@pytest.fixture
def daemon(docker: World) -> Daemon:
    """What the stand-in for docker talks to."""
    assert docker.daemon is not None
    return docker.daemon


@pytest.fixture(params=["docker", "podman"])
def world(request: pytest.FixtureRequest) -> World:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, World)
    return found


@pytest.fixture
async def runtime(world: World, supervisor: Supervisor) -> AsyncIterator[ContainerRuntime]:
    engine = await world.engine()
    runtime = ContainerRuntime(engine, supervisor)
    yield runtime
    await supervisor.close()
    await runtime.close()
    assert await engine.containers(OWNER_LABEL) == []


Describe = Callable[..., Any]


@pytest.fixture
def step(runtime: ContainerRuntime, directory: Path) -> Describe:
    """Describes a step in the plain image: a shell script, unless told otherwise."""

    async def describe(script: str = "true", *, image: str = worlds.PLAIN, **others: Any) -> ContainerCommand:
        fields = {"command": ("sh", "-c", script), "args": (), "environment": {}, **others}
        found = await runtime.image(image)
        return ContainerCommand(found, directory=directory, log=directory.parent / "step.log", **fields)

    return describe
