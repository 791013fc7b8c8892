"""A step in a container, as its caller describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from stepcache.errors import InputError
from stepcache.executors.containers.image import Image
from stepcache.executors.containers.mount import Mount
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True)
class ContainerCommand:
    """What is started. Nothing else of this machine reaches the step, proxy settings aside."""

    image: Image
    command: tuple[str, ...]
    """As in Kubernetes: instead of the image's entry point and its default arguments; empty to keep both."""
    args: tuple[str, ...]
    """As in Kubernetes: instead of the image's default arguments; they stay if ``command`` is empty too."""
    environment: Mapping[str, str]
    """Declared variables, values of secrets included. They come on top of the image's own."""
    directory: Path
    """The step's own directory: mounted writable at the same path, so whatever it writes there is found there."""
    log: Path
    """Where standard output and standard error are appended."""
    inputs: tuple[Path, ...] = ()
    """Files and directories that the step reads, each mounted read-only at the same path."""
    mounts: tuple[Mount, ...] = ()
    """What else it sees: volumes, files of secrets and config maps."""
    working_directory: str = ""
    """An absolute path in the container; empty for the image's own."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """For people who look at containers: run, task and claim."""

    def check(self) -> None:
        """Raise InputError for what no container can be started with."""
        if self.command and not self.command[0]:
            raise InputError(f"the command of the step in '{self.image.name}' is empty")
        if self.working_directory and not self.working_directory.startswith("/"):
            raise InputError(f"working directory {self.working_directory!r} is no absolute path")

    def all_mounts(self) -> tuple[Mount, ...]:
        """Every mount once, by its place in the container; of two at one place, the later one."""
        own = Mount.in_place(self.directory, read_only=False)
        inputs = [Mount.in_place(path) for path in self.inputs]
        return tuple({mount.target: mount for mount in (*inputs, own, *self.mounts)}.values())
