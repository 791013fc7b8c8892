"""The container engines that tests run on: a stand-in for docker everywhere, and podman where it works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stepcache.container_engine import ContainerEngine
from tests.executors.containers.standin.daemon import Config, Daemon
from tests.executors.observing import PATH

PLAIN = "localhost/stepcache-test/plain:1"
"""An image with a shell, and nothing said about how it is run."""
FURNISHED = "localhost/stepcache-test/furnished:1"
"""An image with an entry point, default arguments, a variable, a user and a working directory."""
FURNISHING = Config(["echo", "entry"], ["default"], {"FROM_IMAGE": "yes"}, "/tmp")
_STAND_IN = Path(__file__).parent / "standin" / "client.py"
_BUSYBOX = Path("/bin/busybox")


@dataclass
class World:
    """A container engine to test with."""

    program: str
    environment: Mapping[str, str]
    """What an engine that is to find it has for an environment."""
    daemon: Daemon | None = None
    """Of the stand-in."""
    found: ContainerEngine | None = None

    async def engine(self) -> ContainerEngine:
        """The engine as it was when it was first asked."""
        if self.found is None:
            self.found = await ContainerEngine.find(self.program, self.environment)
        return self.found

    def cli(self, *arguments: str) -> str:
        return subprocess.run(
            [self.program, *arguments], env=dict(self.environment), check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def stand_in(directory: Path) -> Iterator[World]:
    """A ``docker`` first on the ``PATH``, with a daemon of its own."""
    program = directory / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -IS\n{_STAND_IN.read_text()}")
    program.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="docker-") as place:  # a socket's path is at most 107 bytes
        daemon = Daemon(Path(place))
        daemon.images = {PLAIN: Config(), FURNISHED: FURNISHING}
        environment = {**os.environ, "PATH": f"{program.parent}:{PATH}", "DOCKER_HOST": f"unix://{daemon.socket}"}
        try:
            yield World("docker", environment, daemon)
        finally:
            daemon.close()


@contextmanager
def podman() -> Iterator[World | str]:
    """podman with storage of its own and two images made from busybox; why not, where that does not work."""
    if shutil.which("podman") is None:
        yield "podman is not installed"
        return
    if not _BUSYBOX.exists():
        yield f"there is no {_BUSYBOX} to make an image of"
        return
    place = Path(tempfile.mkdtemp(prefix="pod-", dir="/tmp"))  # podman wants it short
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONTAINER")},
        "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
        "CONTAINERS_CONF": str(place / "containers.conf"),
    }
    world = World("podman", environment)
    (place / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{place}/graph"\nrunroot = "{place}/run"\n'
    )
    try:
        yield _set_up(world, place)
    finally:
        subprocess.run(["podman", "rmi", "--all", "--force"], env=environment, capture_output=True, check=False)
        shutil.rmtree(place, ignore_errors=True)


def _set_up(world: World, place: Path) -> World | str:
    archive = place / "root.tar"
    _make_root(archive)
    problem = ""
    for oci_runtime, limits in (("", False), ("", True), ("runc", True), ("crun", True)):
        (place / "containers.conf").write_text(_configuration(place, oci_runtime, limits=limits))
        try:
            world.cli("import", str(archive), PLAIN)
            world.cli("run", "--rm", PLAIN, "true")
        except subprocess.CalledProcessError as error:
            problem = error.stderr.strip().splitlines()[-1]
        else:
            changes = (
                'ENTRYPOINT ["echo", "entry"]',
                'CMD ["default"]',
                "ENV FROM_IMAGE=yes",
                "WORKDIR /tmp",
                "USER 1234:1234",
            )
            world.cli("import", *(f"--change={change}" for change in changes), str(archive), FURNISHED)
            return world
    return f"podman does not run here: {problem}"


def _configuration(place: Path, oci_runtime: str, *, limits: bool) -> str:
    """Nothing shared with the podman of this machine, and what machines need that allow less than usual."""
    lines = ["[containers]", 'netns = "none"']
    if limits:
        # podman raises them by default, which takes a right that root does not have everywhere
        lines.append('default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]')
    lines += ["[engine]", f'tmp_dir = "{place}/tmp"', 'cgroup_manager = "cgroupfs"', 'events_logger = "none"']
    lines.append('lock_type = "file"')
    if oci_runtime:
        lines.append(f'runtime = "{oci_runtime}"')
    return "\n".join(lines) + "\n"


def _make_root(archive: Path) -> None:
    programs = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(archive, "w") as tar:
        for name in ("bin", "tmp", "etc"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(directory)
        tar.add(_BUSYBOX, "bin/busybox")
        for name in programs:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
