"""A container engine is used only if it answers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from stepcache import container_engine, processes
from stepcache.container_engine import ContainerEngine, ContainerEngineError, Reference
from stepcache.errors import InputError
from stepcache.executors.containers.arguments import User
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.supervisor import Supervisor
from stepcache.processes import Host, Process
from tests.executors.containers.standin.daemon import Daemon
from tests.executors.containers.worlds import World

PODMAN = {
    "host": {"hostname": "node7", "security": {"rootless": True, "selinuxEnabled": True}},
    "store": {"graphRoot": "/home/me/.local/share/containers/storage"},
}


def program(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!{sys.executable} -IS\n{body}\n")
    (directory / name).chmod(0o755)


def says(document: object) -> str:
    return f"print({json.dumps(document)!r})"


async def test_neither_is_installed(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="docker is not installed; podman is not installed") as caught:
        await ContainerRuntime.find(supervisor, environment={"PATH": str(tmp_path)})
    assert "install docker or podman" in caught.value.remedy


async def test_the_first_that_answers_is_taken(supervisor: Supervisor, tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path)}
    program(tmp_path, "podman", says(PODMAN))
    assert (await ContainerRuntime.find(supervisor, environment=environment)).reference.program == "podman"
    program(tmp_path, "docker", says({"ID": "abc"}))
    assert (await ContainerRuntime.find(supervisor, environment=environment)).reference == Reference(
        "docker", "docker:abc"
    )
    runtime = await ContainerRuntime.find(supervisor, programs=("podman",), environment=environment)
    assert runtime.reference == Reference("podman", "podman:node7:/home/me/.local/share/containers/storage")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import sys; sys.exit('Cannot connect to the Docker daemon')", "does not answer: Cannot connect"),
        (says({"ID": "", "ServerErrors": ["permission denied"]}), "does not answer: permission denied"),
        (says({"ClientInfo": {}}), "does not answer"),
        ("print('hello')", "answers what no docker or podman does"),
        (says([]), "answers what no docker or podman does"),
        ("import time; time.sleep(1000)", r"did not answer within 1 s"),
        ("import os; os.kill(os.getpid(), 9)", "does not answer: exit code -9"),
    ],
)
async def test_one_that_does_not_answer_is_not_used(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr(container_engine, "ANSWER_TIME", 1 if "sleep" in body else 30)
    program(tmp_path, "docker", body)
    with pytest.raises(InputError, match=reason):
        await ContainerRuntime.find(supervisor, programs=("docker",), environment={"PATH": str(tmp_path)})


async def test_one_that_cannot_be_executed_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("no program")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(ContainerEngineError, match="docker does not answer"):
        await ContainerEngine.find("docker", {"PATH": str(tmp_path)})


async def test_reads_what_matters_from_what_they_say(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path)}
    program(
        tmp_path, "docker", says({"ID": "a", "SecurityOptions": ["name=seccomp,profile=default", "name=userns"]})
    )
    docker = await ContainerEngine.find("docker", environment)
    assert (docker.is_podman, docker.is_rootless, docker.remaps_users, docker.has_selinux) == (
        False,
        False,
        True,
        False,
    )
    program(tmp_path, "docker", says({"ID": "a", "SecurityOptions": ["name=rootless", "name=selinux"]}))
    docker = await ContainerEngine.find("docker", environment)
    assert (docker.is_podman, docker.is_rootless, docker.remaps_users, docker.has_selinux) == (
        False,
        True,
        False,
        True,
    )
    program(tmp_path, "docker", says(PODMAN))  # podman under docker's name
    shim = await ContainerEngine.find("docker", environment)
    assert (shim.is_podman, shim.is_rootless, shim.remaps_users, shim.has_selinux) == (True, True, False, True)
    assert shim.reference.program == "docker"


async def test_the_user_inside_is_this_one_outside(docker: World, tmp_path: Path) -> None:
    assert User.inside(await docker.engine(), 1000, 100) == User(1000, 100)
    program(tmp_path / "rootless", "podman", says(PODMAN))
    rootless = await ContainerEngine.find("podman", {"PATH": str(tmp_path / "rootless")})
    assert User.inside(rootless, 1000, 100) == User(0, 0)


def test_an_owner_is_gone_only_if_that_is_certain() -> None:
    here, me = processes.this_host(), processes.this_process()
    assert here is not None
    assert not container_engine.owner_is_gone(container_engine.owner(here, me))
    assert container_engine.owner_is_gone(container_engine.owner(here, Process(me.pid, me.started - 1)))
    elsewhere = Host("another boot", here.pid_namespace)
    for text in (
        container_engine.owner(elsewhere, Process(2**22, 1)),
        container_engine.owner(None, Process(2**22, 1)),
        "",
        "a.b.c.d",
        f"{here.boot_id}.1.2",
    ):
        assert not container_engine.owner_is_gone(text)


async def test_containers_of_another_engine_are_never_said_to_be_gone(
    docker: World, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = (await docker.engine()).reference
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)
    assert await container_engine.end_containers(reference, "owner", 0)
    assert not await container_engine.end_containers(Reference("docker", "docker:another"), "owner", 0)
    assert not await container_engine.end_containers(Reference("podman-of-mine", ""), "owner", 0)
    assert not await container_engine.end_containers(Reference(os.devnull, ""), "owner", 0)
    daemon.stop()
    assert not await container_engine.end_containers(reference, "owner", 0)
    daemon.start()
