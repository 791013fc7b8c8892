"""How environment variables get into a container without being seen on the way.

A value on a command line can be read by every user of the machine. So a variable is put into the environment of the
client, and its name alone on the command line (``--env NAME``). That does not do for variables which docker, podman
or a library of theirs read themselves: a step that declares ``DOCKER_HOST`` would send itself to another machine.
Those go through a file that only this user can read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stepcache.errors import InputError
from stepcache.light_dataclasses import dataclass

PROXIES = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)
"""The variables of the engine's own environment that a container gets too: how the network is reached."""

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")  # as Kubernetes has it
_STEERING = re.compile(
    r"(DOCKER|CONTAINERS?|PODMAN|BUILDAH|BUILDKIT|STORAGE|REGISTRY|XDG|LD|LC|MALLOC|GLIBC|OTEL|LISTEN|DBUS|SYSTEMD"
    r"|SSL_CERT|NETAVARK|CNI)_.*|_CONTAINERS_.*|_OCI_.*"
    r"|GO(DEBUG|MAXPROCS|GC|TRACEBACK|MEMLIMIT|COVERDIR)"
    r"|PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TMP|TEMP|TERM|TZ|ZONEINFO|LANG|LANGUAGE|NO_COLOR|NOTIFY_SOCKET"
    r"|INVOCATION_ID|SSH_AUTH_SOCK|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|RESOLV_HOST_CONF"
    r"|container|((https?|no|all|ftp)_proxy)",
    re.IGNORECASE,
)
_LONGEST_LINE = 60_000  # the clients read lines of up to 64 KiB


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one container, by the way that each takes."""

    names: tuple[str, ...]
    """Passed on by name: the client has the value."""
    client: Mapping[str, str]
    """What the client's environment gets for that, on top of the engine's own."""
    file: str
    """The text of the file with the others, or empty."""


def divide(declared: Mapping[str, str], engine: Mapping[str, str]) -> Variables:
    """Choose the way of each variable; ``engine`` is the environment that the client has anyway.

    Raises InputError for a name that Kubernetes refuses too, and for the rare value that cannot be passed on.
    """
    client: dict[str, str] = {}
    lines = []
    names = {name for name in PROXIES if name in engine and name not in declared}
    for name, value in declared.items():
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is not the name of an environment variable that a container can have")
        if not _STEERING.fullmatch(name):
            client[name] = value
            names.add(name)
        elif engine.get(name) == value:
            names.add(name)
        else:
            lines.append(f"{name}={_plain(name, value)}\n")
    return Variables(tuple(sorted(names)), client, "".join(sorted(lines)))


def _plain(name: str, value: str) -> str:
    """``value`` if every client reads it back from a line of a file as it is."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""  # docker takes them off since 2025
    broken = {"\n", "\r", "\0"}.intersection(value)
    if quoted or broken or len(value.encode("utf-8", "surrogateescape")) > _LONGEST_LINE or not _is_text(value):
        raise InputError(
            f"the value of environment variable '{name}' cannot be passed to a container: docker and podman read a "
            "variable of that name themselves, and such a value cannot be given in another way",
            remedy="use another name, or a value without line breaks, and without quotes around it",
        )
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
