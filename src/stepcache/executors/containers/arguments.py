"""The command line that runs a step in a container. Pure: what it says is all that is decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepcache.container_engine import ContainerEngine
from stepcache.executors.containers.command import ContainerCommand
from stepcache.executors.containers.identity import Identity
from stepcache.executors.containers.variables import Variables
from stepcache.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """A user and group by number, as they are called inside the container."""

    uid: int
    gid: int

    @classmethod
    def inside(cls, engine: ContainerEngine, uid: int, gid: int) -> User:
        """Who, inside, is the user ``uid`` and group ``gid`` outside, so that outputs belong to them.

        With an engine that runs without root's rights that is root: the only user there who is somebody outside.
        """
        return cls(0, 0) if engine.is_rootless else cls(uid, gid)


def run(  # noqa: PLR0913 - what there is to say about a container
    engine: ContainerEngine,
    command: ContainerCommand,
    *,
    identity: Identity,
    user: User,
    variables: Variables,
    file: Path | None,
) -> tuple[str, ...]:
    """``docker run …``. The client stays until the container has ended, and passes output and signals on.

    The container is not removed by itself (``--rm``): how it ended is asked first. Its output is kept by the step's
    log only. Raises InputError for a path that cannot be mounted.
    """
    return (
        engine.path,
        "run",
        "--pull",
        "never",
        "--name",
        identity.name,
        *(word for key, value in identity.labels.items() for word in ("--label", f"{key}={value}")),
        "--log-driver",
        "none",
        "--user",
        f"{user.uid}:{user.gid}",
        *_isolation(engine),
        *(word for mount in command.all_mounts() for word in mount.arguments()),
        *(("--env-file", str(file)) if file is not None else ()),
        *(word for name in variables.names for word in ("--env", name)),
        *(("--workdir", command.working_directory) if command.working_directory else ()),
        *(("--entrypoint", command.command[0]) if command.command else ()),
        command.image.identifier,
        *command.command[1:],
        *command.args,
    )


def _isolation(engine: ContainerEngine) -> Iterator[str]:
    if engine.is_podman:
        yield "--http-proxy=false"  # the variables say which are passed on
    if engine.remaps_users:
        yield from ("--userns", "host")  # else outputs belong to nobody who is known here
    if engine.has_selinux:
        yield from ("--security-opt", "label=disable")  # the alternative is to relabel the user's own files
