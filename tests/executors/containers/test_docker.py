"""What docker is asked for, and what follows when it misbehaves; seen from the daemon of the stand-in."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from stepcache.executors.containers import running_container
from stepcache.executors.containers.mount import Mount
from stepcache.executors.containers.running_container import ContainerNotEndedError
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.supervisor import Supervisor
from tests.executors.containers.conftest import Describe
from tests.executors.containers.standin.daemon import Daemon
from tests.executors.containers.worlds import PLAIN, World
from tests.executors.observing import until_async, written


@pytest.fixture
def world(docker: World) -> World:
    return docker


async def test_what_is_asked_for(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon, directory: Path, tmp_path: Path
) -> None:
    data, secret, artifact = tmp_path / "data", tmp_path / "secret", tmp_path / "artifact"
    for path in (data, secret, artifact):
        path.write_text("")
    mounts = (Mount(data, "/data", read_only=False), Mount(secret, "/etc/secret"))
    command = await step("exit 0", inputs=(artifact,), mounts=mounts, working_directory="/tmp", labels={"run": "r"})
    assert (await (await runtime.run(command)).wait()).ok
    (container,) = daemon.made
    document = container.document
    assert document["image"] == daemon.images[PLAIN].id
    assert (document["entrypoint"], document["command"]) == ("sh", ["-c", "exit 0"])
    assert document["user"] == f"{os.geteuid()}:{os.getegid()}"
    assert document["workdir"] == "/tmp"
    assert document["others"] == {"--pull": "never", "--log-driver": "none"}
    assert sorted((one["source"], one["target"], one["readonly"]) for one in document["mounts"]) == sorted(
        [
            (str(directory), str(directory), False),
            (str(artifact), str(artifact), True),
            (str(data), "/data", False),
            (str(secret), "/etc/secret", True),
        ]
    )
    assert document["labels"]["stepcache.run"] == "r"
    assert set(document["labels"]) == {"stepcache.run", "stepcache.engine", "stepcache.step"}
    assert daemon.containers == {}


async def test_another_user_than_root_has_a_home(
    docker: World, supervisor: Supervisor, step: Describe, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getegid", lambda: 5678)
    runtime = ContainerRuntime(await docker.engine(), supervisor)
    assert (await (await runtime.run(await step("touch ~/file"))).wait()).ok
    assert (directory / "home" / "file").exists()
    await (await runtime.run(await step(environment={"HOME": "/mine"}))).wait()
    assert docker.daemon is not None
    documents = [container.document for container in docker.daemon.made]
    assert [document["user"] for document in documents] == ["1234:5678"] * 2
    assert [document["environment"]["HOME"] for document in documents] == [str(directory / "home"), "/mine"]
    await runtime.close()


async def test_proxies_of_this_machine_are_passed_on(
    docker: World, supervisor: Supervisor, step: Describe, daemon: Daemon
) -> None:
    engine = await docker.engine()
    proxies = {"https_proxy": "http://user:word@proxy", "NO_PROXY": "local"}
    runtime = ContainerRuntime(replace(engine, environment={**engine.environment, **proxies}), supervisor)
    await (await runtime.run(await step(environment={"NO_PROXY": "mine"}))).wait()
    environment = daemon.made[0].document["environment"]
    expected = {"https_proxy": "http://user:word@proxy", "NO_PROXY": "mine"}
    assert {name: environment.get(name) for name in expected} == expected
    await runtime.close()


async def test_an_engine_that_isolates_more_is_asked_for_less(
    docker: World, supervisor: Supervisor, step: Describe, daemon: Daemon
) -> None:
    engine = replace(await docker.engine(), remaps_users=True, has_selinux=True, is_rootless=True)
    runtime = ContainerRuntime(engine, supervisor)
    assert (await (await runtime.run(await step())).wait()).ok
    (container,) = daemon.made
    assert container.document["others"]["--userns"] == "host"
    assert container.document["others"]["--security-opt"] == "label=disable"
    assert container.document["user"] == "0:0"
    await runtime.close()


async def test_an_exit_code_that_nobody_saw_is_no_success(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon
) -> None:
    daemon.forgets = True  # as with --rm, or when another program cleans up
    ended = await (await runtime.run(await step("exit 0"))).wait()
    assert (ended.code, ended.ok) == (None, False)
    assert ended.describe() == "lost its container, so how it ended is not known"


async def test_a_container_that_cannot_be_made_fails_the_step_and_says_where_to_look(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon, directory: Path
) -> None:
    command = await step()
    daemon.images.clear()
    ended = await (await runtime.run(command)).wait()
    assert (ended.code, ended.describe()) == (
        125,
        "was not started: docker did not make its container (see the log)",
    )
    assert "No such image" in command.log.read_text()


async def test_running_out_of_memory_is_said(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon, directory: Path
) -> None:
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(lambda: bool(daemon.made) and daemon.made[0].state["Running"], 20)
    daemon.made[0].state["OOMKilled"] = True
    daemon.made[0].kill()
    assert (await running.wait()).describe() == (
        "ended with exit code 137: it ran out of the memory that its container may use"
    )


async def test_a_container_is_removed_although_it_takes_several_attempts(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon
) -> None:
    daemon.refuses = 3
    assert (await (await runtime.run(await step())).wait()).ok
    assert daemon.containers == {}


async def test_a_step_whose_container_cannot_be_ended_is_not_said_to_be_over(
    runtime: ContainerRuntime,
    step: Describe,
    daemon: Daemon,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running_container, "REMOVAL_PATIENCE", 0.2)
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    daemon.stop()
    with pytest.raises(ContainerNotEndedError, match="may still be running") as caught:
        await running.stop(0)
    assert running.name in caught.value.remedy
    daemon.start()
    daemon.made[0].kill()
    daemon.containers.clear()


async def test_an_engine_that_is_away_for_a_moment_is_waited_for(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon, directory: Path
) -> None:
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    daemon.stop()
    stopping = asyncio.create_task(running.stop(0))
    done, _ = await asyncio.wait((stopping,), timeout=0.3)
    assert not done
    daemon.start()
    assert not (await stopping).ok
    assert daemon.containers == {}
