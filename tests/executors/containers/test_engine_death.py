"""Containers end with their engine, and before anybody takes over what it held."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding
from stepcache.cache.ticket import Ticket
from stepcache.container_engine import OWNER_LABEL
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.stores.opening import open_store
from tests.cache.caches import a_key, ask
from tests.executors.containers.conftest import Describe
from tests.executors.containers.worlds import PLAIN, World
from tests.executors.observing import children, until_async, written

KEY = a_key()
_ROOT = Path(__file__).parents[3]


@dataclass
class Engine:
    """An engine in another process, with a step that runs in a container."""

    process: subprocess.Popen[str]
    supervisor: int
    reaper: int
    client: int
    guard: int
    beats: Path

    def is_over(self) -> bool:
        """Whether every process is gone."""
        pids = (self.process.pid, self.supervisor, self.reaper, self.client, self.guard)
        return all(processes.find(pid) is None for pid in pids)

    def kill_everything(self) -> None:
        """Everything but the container, at one moment: none sees another gone, and acts on it."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (self.guard, self.process.pid, self.supervisor, self.reaper, self.client):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait()


Start = Callable[[], Engine]


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start() -> Engine:
        directory = tmp_path / "engine"
        directory.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.executors.containers.dying_engine", world.program, directory, PLAIN, KEY],
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=dict(world.environment),
        )
        started.append(process)
        assert process.stdout is not None
        supervisor, reaper, client = json.loads(process.stdout.readline())
        (guard,) = (pid for pid in children(process.pid) if pid != supervisor)
        return Engine(process, supervisor, reaper, client, guard, directory / "work" / "beats")

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def is_beating(beats: Path) -> bool:
    """Whether the step still runs. Its own period is a tenth of what is waited for."""
    size = beats.stat().st_size if beats.exists() else 0
    with contextlib.suppress(TimeoutError):
        await until_async(lambda: beats.exists() and beats.stat().st_size != size, 0.3)
        return True
    return False


async def test_containers_end_with_an_engine_that_is_killed(start: Start, world: World) -> None:
    engine = start()
    await until_async(written(engine.beats), 20)
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    await until_async(engine.is_over, 20)
    assert not await is_beating(engine.beats)
    assert await (await world.engine()).containers(OWNER_LABEL) == []


async def test_a_container_that_outlives_everything_is_ended_before_its_claim_is_taken_over(
    start: Start, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start()
    await until_async(written(engine.beats), 20)
    engine.kill_everything()
    assert await is_beating(engine.beats)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    store = await open_store(f"sqlite:///{tmp_path / 'engine' / 'store.db'}")
    cache = Cache(store, LocalArtifactStore.open(tmp_path / "engine" / "artifacts"))
    began = time.monotonic()
    holding = await ask(cache, Ticket(KEY))
    waited = time.monotonic() - began
    assert isinstance(holding, Holding)
    assert not await is_beating(engine.beats)
    assert await (await world.engine()).containers(OWNER_LABEL) == []
    assert waited < 20  # the lease is 60 s
    await cache.close()
    await store.close()


@pytest.mark.parametrize("world", ["docker"], indirect=True)
async def test_a_claim_is_not_taken_over_while_its_container_cannot_be_ended(
    start: Start, docker: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepcache.cache.recovery.CONTAINER_PATIENCE", 0.1)
    engine = start()
    assert docker.daemon is not None
    await until_async(written(engine.beats), 20)
    engine.kill_everything()
    docker.daemon.stop()
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)
    store = await open_store(f"sqlite:///{tmp_path / 'engine' / 'store.db'}")
    cache = Cache(store, LocalArtifactStore.open(tmp_path / "engine" / "artifacts"))
    asking = asyncio.create_task(ask(cache, Ticket(KEY)))
    done, _ = await asyncio.wait((asking,), timeout=1)
    assert not done
    assert await is_beating(engine.beats)
    docker.daemon.start()
    assert isinstance(await asking, Holding)
    assert not await is_beating(engine.beats)
    await cache.close()
    await store.close()


@pytest.mark.parametrize("world", ["docker"], indirect=True)
async def test_a_sweep_removes_what_dead_engines_left_and_nothing_else(
    start: Start, world: World, runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    engine = start()
    await until_async(written(engine.beats), 20)
    mine = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    assert await runtime.sweep() == 0
    engine.kill_everything()
    assert await runtime.sweep() == 1
    assert not await is_beating(engine.beats)
    assert len(await (await world.engine()).containers(OWNER_LABEL)) == 1
    assert await runtime.sweep() == 0
    await mine.stop(0)
