"""What no container can be started with is said before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.executors.containers import variables
from stepcache.executors.containers.mount import Mount
from stepcache.executors.containers.runtime import ContainerRuntime
from tests.executors.containers.conftest import Describe
from tests.executors.containers.standin.daemon import Daemon
from tests.executors.containers.worlds import World


@pytest.fixture
def world(docker: World) -> World:
    return docker


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"environment": {"A B": "1"}}, "'A B' is not the name"),
        ({"environment": {"A": "x\0"}}, "NUL"),
        ({"command": ("",)}, "empty"),
        ({"args": ("\ud800",)}, "UTF-8"),
        ({"args": ("x" * 200_000,)}, "too long"),
        ({"working_directory": "here"}, "no absolute path"),
        ({"inputs": (Path("/gone/input"),)}, "/gone/input .* does not exist"),
    ],
)
async def test_nothing_is_started(
    runtime: ContainerRuntime, step: Describe, daemon: Daemon, others: Mapping[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        await runtime.run(await step(**others))
    assert daemon.made == []


@pytest.mark.parametrize("name", ["", "A B", "A*", "1A", "A=B", "#A", "A\n"])
def test_a_name_that_kubernetes_refuses_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not the name of an environment variable"):
        variables.divide({name: "1"}, {})


@pytest.mark.parametrize("value", ["two\nlines", "end\r", "'quoted'", '"quoted"', "''", "x" * 70_000, "\udcff"])
@pytest.mark.parametrize("name", ["PATH", "HOME", "DOCKER_CONFIG", "HTTPS_PROXY", "LD_PRELOAD"])
def test_a_value_that_cannot_get_past_the_client_is_refused_without_being_told(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' cannot be passed") as caught:
        variables.divide({name: value}, {})
    assert value not in str(caught.value)


def test_every_variable_takes_the_way_that_keeps_it() -> None:
    engine = {
        "PATH": "/bin",
        "no_proxy": "local",
        "HTTP_PROXY": "http://proxy",
        "DOCKER_HOST": "unix:///a",
        "B": "b",
    }
    declared = {"A": "1\n2", "PATH": "/bin", "HTTP_PROXY": "http://mine", "DOCKER_HOST": "tcp://b", "B": "c"}
    chosen = variables.divide(declared, engine)
    assert chosen.names == ("A", "B", "PATH", "no_proxy")
    assert chosen.client == {"A": "1\n2", "B": "c"}
    assert chosen.file == "DOCKER_HOST=tcp://b\nHTTP_PROXY=http://mine\n"


@pytest.mark.parametrize(
    ("name", "target", "read_only", "expected"),
    [
        ("a", "/b", True, ("--mount", "type=bind,source={0},target=/b,readonly")),
        ("a:b c=d", "/b", False, ("--mount", "type=bind,source={0},target=/b")),
        ("a,b", "/b", True, ("--volume", "{0}:/b:ro")),
        ('a"b', "/b,c", False, ("--volume", "{0}:/b,c:rw")),
    ],
)
def test_a_mount_as_an_option(
    tmp_path: Path, name: str, target: str, read_only: bool, expected: tuple[str, str]
) -> None:
    source = tmp_path / name
    source.mkdir()
    option, value = Mount(source, target, read_only).arguments()
    assert (option, value) == (expected[0], expected[1].format(source))


@pytest.mark.parametrize(("name", "target"), [("a,b:c", "/d"), ("a", "/d,e:f"), ("a\nb", "/d"), ("a", "d")])
def test_a_mount_that_no_option_can_name_is_refused(tmp_path: Path, name: str, target: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="cannot be mounted"):
        Mount(tmp_path / name, target).arguments()
