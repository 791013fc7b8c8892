"""What only a real container shows."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stepcache.executors.containers.mount import Mount
from stepcache.executors.containers.runtime import ContainerRuntime
from tests.executors.containers.conftest import Describe
from tests.executors.containers.worlds import World
from tests.executors.observing import log_of, until_async, written


@pytest.fixture
def world(podman: World) -> World:
    return podman


async def test_mounts_are_where_they_should_be_and_inputs_cannot_be_written(
    runtime: ContainerRuntime, step: Describe, directory: Path, tmp_path: Path
) -> None:
    volume, secret, artifact = tmp_path / "volume", tmp_path / "secret", tmp_path / "artifact"
    volume.mkdir()
    secret.write_text("sesame")
    artifact.write_text("input")
    mounts = (Mount(volume, "/data/volume", read_only=False), Mount(secret, "/etc/secret/key"))
    script = f"""
        cat /etc/secret/key {artifact}; echo written > /data/volume/file
        (echo spoiled > {artifact}) || (echo spoiled > /etc/secret/key) || echo read-only
    """
    ended = await (await runtime.run(await step(script, inputs=(artifact,), mounts=mounts))).wait()
    assert ended.ok, log_of(directory)
    assert log_of(directory).startswith("sesameinput")
    assert "read-only\n" in log_of(directory)  # the client passes the two streams on in no order
    assert (volume / "file").read_text() == "written\n"
    assert (artifact.read_text(), secret.read_text()) == ("input", "sesame")


async def test_the_rest_of_this_machine_is_not_there(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    ended = await (await runtime.run(await step(f"ls {directory.parent}; test ! -e {Path(__file__)}"))).wait()
    assert ended.ok
    assert log_of(directory) == "step\n"


async def test_a_container_whose_monitor_is_killed_is_no_success_and_ends(
    runtime: ContainerRuntime, step: Describe, directory: Path, world: World
) -> None:
    """podman then shows the exit code 0 for it."""
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    monitor = world.cli("container", "inspect", "--format", "{{.State.ConmonPid}}", running.name)
    os.kill(int(monitor), signal.SIGKILL)
    ended = await running.stop(0)
    assert not ended.ok
