"""A stand-in for the ``docker`` command: what docker documents of the calls that stepcache makes, and no more.

It reads the command line as docker does and refuses every option that it does not know, reads values of variables
from its environment and from files, and asks its daemon (``daemon.py``) for the rest. Containers are the daemon's
children, never this program's. Written into a directory on the ``PATH`` behind a line that names the interpreter.
"""

from __future__ import annotations

import csv
import json
import os
import socket
import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn

SOCKET = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
RUN = (
    *("--pull", "--name", "--label", "--log-driver", "--user", "--mount", "--volume", "--env-file", "--env"),
    *("--workdir", "--entrypoint", "--userns", "--security-opt"),
)
SINGLE = {"--name": "name", "--user": "user", "--workdir": "workdir", "--entrypoint": "entrypoint"}


def fail(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr, flush=True)
    sys.exit(code)


def ask(request: dict[str, Any], descriptors: Collection[int] = ()) -> dict[str, Any]:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(SOCKET)
    except OSError:
        fail(f"Cannot connect to the Docker daemon at unix://{SOCKET}. Is the docker daemon running?", 1)
    message = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(connection, [message], list(descriptors)) if descriptors else 0
    if sent < len(message):
        connection.sendall(message[sent:])
    with connection.makefile("rb") as answers:
        line = answers.readline()
    if not line:
        fail("error during connect: EOF", 125)
    answer: dict[str, Any] = json.loads(line)
    return answer


def options(
    words: Collection[str], takes_value: Collection[str], switches: Collection[str], code: int
) -> tuple[list[tuple[str, str]], list[str]]:
    """Read options up to the first word that is none; answers them, in order, and the rest."""
    found, rest = [], list(words)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if name in switches:
            found.append((name, value if equals else "true"))
        elif name in takes_value:
            found.append((name, value if equals else rest.pop(0)))
        else:
            fail(f"unknown flag: {name}\nSee 'docker --help'.", code)
    return found, rest


def run(words: list[str]) -> None:
    document = describe(words)
    answer = ask({"do": "create", **document})
    if "error" in answer:
        fail(f"docker: Error response from daemon: {answer['error']}.", 125)
    ended = ask({"do": "start", "id": answer["id"]}, (1, 2))
    if "error" in ended:
        print(f"docker: Error response from daemon: {ended['error']}.", file=sys.stderr)
    sys.exit(ended["code"])


def describe(words: list[str]) -> dict[str, Any]:
    """What ``docker run`` asks its daemon for."""
    found, (image, *command) = options(words, RUN, (), 125)
    document: dict[str, Any] = {"image": image, "command": command, "others": {}, "mounts": [], "labels": {}}
    document["environment"] = {}
    for name, value in sorted(found, key=lambda option: option[0] != "--env-file"):  # files come first
        if name == "--label":
            key, _, text = value.partition("=")
            document["labels"][key] = text
        elif name == "--env":
            if "=" in value:
                fail("the stand-in takes no value on the command line: everybody could read it", 125)
            if value in os.environ:
                document["environment"][value] = os.environ[value]
        elif name == "--env-file":
            document["environment"].update(variables(value))
        elif name == "--mount":
            document["mounts"].append(mount(value))
        elif name == "--volume":
            source, target, mode = value.split(":")
            document["mounts"].append({"source": source, "target": target, "readonly": mode == "ro"})
        elif name in SINGLE:
            document[SINGLE[name]] = value
        else:
            document["others"][name] = value
    return document


def variables(path: str) -> dict[str, str]:
    found = {}
    with open(path, encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - as quick a program as it can be
        if os.fstat(file.fileno()).st_mode & 0o077:
            fail(f"the stand-in refuses {path}, which others can read", 125)
        lines = [line.lstrip() for line in file.read().splitlines()]
    for line in lines:
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value
    return found


def mount(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"readonly": False}
    for field in next(csv.reader([text])):
        name, equals, value = field.partition("=")
        if name not in ("type", "source", "target", "readonly"):
            fail(f'invalid argument "{text}" for "--mount" flag: unexpected key \'{name}\'', 125)
        fields[name] = value if equals else True
    if fields.pop("type", None) != "bind":
        fail(f'invalid argument "{text}" for "--mount" flag: type is required', 125)
    return fields


def simple(
    verb: str, takes_value: Collection[str] = (), switches: Collection[str] = ()
) -> Callable[[list[str]], None]:
    def call(words: list[str]) -> None:
        found, rest = options(words, takes_value, switches, 1)
        answer = ask({"do": verb, "options": dict(found), "words": rest})
        print("\n".join(answer.get("lines", [])))
        if answer.get("error"):
            print(answer["error"], file=sys.stderr)
        sys.exit(answer.get("code", 0))

    return call


COMMANDS = {
    ("run",): run,
    ("info",): simple("info", ("--format",)),
    ("pull",): simple("pull"),
    ("ps",): simple("ps", ("--filter",), ("--all", "--quiet", "--no-trunc")),
    ("kill",): simple("kill", ("--signal",)),
    ("rm",): simple("rm", (), ("--force", "--volumes")),
    ("image", "inspect"): simple("image inspect", ("--format",)),
    ("container", "inspect"): simple("container inspect", ("--format",)),
}


def main() -> None:
    words = sys.argv[1:]
    for length in (2, 1):
        if (command := COMMANDS.get(tuple(words[:length]))) is not None:
            command(words[length:])
            return
    fail(f"docker: '{' '.join(words)}' is not a docker command.", 1)


if __name__ == "__main__":
    main()
