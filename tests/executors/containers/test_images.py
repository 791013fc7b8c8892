"""Which image a name stands for, and when it is pulled."""

from __future__ import annotations

import asyncio

import pytest

from stepcache.errors import InputError
from stepcache.executors.containers import image as images
from stepcache.executors.containers.image import PullPolicy
from stepcache.executors.containers.images import ImageError, KnownImages
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.supervisor import Supervisor
from stepcache.executors.unresolved import UnresolvedError
from tests.executors.containers.conftest import Describe
from tests.executors.containers.standin.daemon import Config, Daemon
from tests.executors.containers.worlds import PLAIN, World
from tests.executors.observing import until_async


@pytest.fixture
def world(docker: World) -> World:
    return docker


ALWAYS, NEVER, IF_NOT_PRESENT = PullPolicy.ALWAYS, PullPolicy.NEVER, PullPolicy.IF_NOT_PRESENT


async def test_an_image_that_is_here_is_not_pulled(runtime: ContainerRuntime, daemon: Daemon) -> None:
    for policy in (IF_NOT_PRESENT, NEVER):
        found = await runtime.image(PLAIN, policy)
        assert (found.name, found.identifier, found.platform) == (PLAIN, daemon.images[PLAIN].id, "linux/amd64")
    assert daemon.pulls == []
    assert found.describe() == {
        "kind": "container",
        "image": daemon.images[PLAIN].id,
        "platform": "linux/amd64",
    }


async def test_one_that_is_not_is_pulled_once_for_all(runtime: ContainerRuntime, daemon: Daemon) -> None:
    daemon.registry["python:3.11"] = Config()
    daemon.pull_gate.clear()
    asking = [asyncio.create_task(runtime.image("python:3.11")) for _ in range(5)]
    await until_async(lambda: bool(daemon.pulls), 20)
    asking.pop().cancel()
    daemon.pull_gate.set()
    found = await asyncio.gather(*asking)
    assert {one.identifier for one in found} == {daemon.registry["python:3.11"].id}
    assert await runtime.image("python:3.11") == found[0]
    assert daemon.pulls == ["python:3.11"]


async def test_what_is_known_is_told_without_pulling(
    runtime: ContainerRuntime, world: World, daemon: Daemon
) -> None:
    daemon.registry["python:3.11"] = Config()
    here = await runtime.known(PLAIN)
    assert here is not None
    assert here.identifier == daemon.images[PLAIN].id
    for policy in (IF_NOT_PRESENT, ALWAYS, NEVER):
        assert await runtime.known("python:3.11", policy) is None
    looking = KnownImages(await world.engine())
    assert await looking.image(PLAIN) == here
    for policy in (IF_NOT_PRESENT, ALWAYS):
        with pytest.raises(UnresolvedError, match=r"python:3\.11"):
            await looking.image("python:3.11", policy)
    with pytest.raises(ImageError, match="its pull policy is Never"):
        await looking.image("python:3.11", NEVER)
    assert daemon.pulls == []
    pulled = await runtime.image("python:3.11", ALWAYS)
    assert await runtime.known("python:3.11", ALWAYS) == pulled
    assert await looking.known("python:3.11", IF_NOT_PRESENT) == pulled


async def test_always_pulls_what_the_name_has_come_to_stand_for_once_a_run(
    runtime: ContainerRuntime, daemon: Daemon
) -> None:
    daemon.registry[PLAIN] = Config()
    before = await runtime.image(PLAIN)
    after = [await runtime.image(PLAIN, ALWAYS) for _ in range(3)]
    assert {one.identifier for one in after} == {daemon.registry[PLAIN].id} != {before.identifier}
    assert daemon.pulls == [PLAIN]


async def test_what_a_name_stands_for_does_not_change_during_a_run(
    runtime: ContainerRuntime, daemon: Daemon, step: Describe
) -> None:
    before = await runtime.image(PLAIN)
    daemon.images["old"] = daemon.images[PLAIN]
    daemon.images[PLAIN] = Config()
    assert (await (await runtime.run(await step())).wait()).ok
    assert daemon.made[0].document["image"] == before.identifier


async def test_never_means_never(runtime: ContainerRuntime, daemon: Daemon) -> None:
    daemon.registry["python:3.11"] = Config()
    with pytest.raises(ImageError, match=r"'python:3.11' is not on this machine.*Never") as caught:
        await runtime.image("python:3.11", NEVER)
    assert "docker pull python:3.11" in caught.value.remedy
    assert daemon.pulls == []


async def test_a_pull_that_fails_says_why_and_the_next_tries_again(
    runtime: ContainerRuntime, daemon: Daemon
) -> None:
    answers = await asyncio.gather(*(runtime.image("new:1") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, ImageError) for answer in answers)
    assert "manifest for new:1 not found" in str(answers[0])
    assert daemon.pulls == ["new:1"]
    daemon.registry["new:1"] = Config()
    assert (await runtime.image("new:1")).identifier == daemon.registry["new:1"].id


async def test_a_pull_is_announced(docker: World, daemon: Daemon, supervisor: Supervisor) -> None:
    daemon.registry["new:1"] = Config()
    announced: list[str] = []
    runtime = ContainerRuntime(await docker.engine(), supervisor, announced.append)
    await runtime.image(PLAIN)
    await runtime.image("new:1")
    assert announced == ["new:1"]
    await runtime.close()


async def test_closing_ends_what_is_being_pulled(runtime: ContainerRuntime, daemon: Daemon) -> None:
    daemon.pull_gate.clear()
    asking = asyncio.create_task(runtime.image("new:1"))
    await until_async(lambda: bool(daemon.pulls), 20)
    await runtime.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    daemon.pull_gate.set()


@pytest.mark.parametrize("name", ["", "-v", "--privileged", "a b", "a\n", "../etc"])
async def test_what_is_no_image_is_refused(runtime: ContainerRuntime, daemon: Daemon, name: str) -> None:
    with pytest.raises(InputError, match="is not the name of an image"):
        await runtime.image(name)
    assert set(daemon.calls) <= {"info"}


def test_policies_are_kubernetes_words() -> None:
    assert [PullPolicy.parse(text) for text in ("Always", "IfNotPresent", "Never", "")] == [
        ALWAYS,
        IF_NOT_PRESENT,
        NEVER,
        IF_NOT_PRESENT,
    ]
    with pytest.raises(InputError, match="'always' is no image pull policy"):
        PullPolicy.parse("always")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python:3.11", "docker.io/library/python:3.11"),
        ("python@sha256:00", "docker.io/library/python@sha256:00"),
        ("me/image", "docker.io/me/image"),
        ("localhost/image:1", "localhost/image:1"),
        ("registry.example.com/a/b:1", "registry.example.com/a/b:1"),
        ("registry:5000/a", "registry:5000/a"),
    ],
)
def test_a_name_without_a_registry_is_dockers(name: str, expected: str) -> None:
    assert images.full_name(name) == expected
    assert images.candidates(name, is_podman=False) == (name,)
    assert images.candidates(name, is_podman=True)[0] == expected
