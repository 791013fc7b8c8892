"""The docker or podman of this machine: whether it answers, what it is, and ending containers that someone left.

It stands beside ``processes``, below every room: whoever takes over the claim of a dead process has to end that
process's containers, whether it runs containers itself or not.

Containers are found by a label which names the process that had them started, never by a list in that process's
memory. So none is missed that was created at the moment at which its owner was killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Mapping
from typing import Any, Self

from stepcache import processes
from stepcache.errors import StepcacheError
from stepcache.light_dataclasses import dataclass
from stepcache.processes import Host, Process

PROGRAMS = ("docker", "podman")
"""The command line programs that are known, in the order in which they are tried."""

OWNER_LABEL = "stepcache.engine"
"""The label that names the process for which a container was started; see ``owner``."""

ANSWER_TIME = 15.0
"""Seconds that a container engine has to say what it is."""
_CALL_TIME = 60.0
_PAUSE = 0.1


class ContainerEngineError(StepcacheError):
    """The container engine does not answer, or refuses what it is asked."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One container engine, as a holder names it to those who may have to end its containers."""

    program: str
    """One of ``PROGRAMS``."""
    identity: str
    """What tells it from every other one that the same program might reach."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call of the program ended."""

    code: int
    output: str
    error: str

    @property
    def complaint(self) -> str:
        """The last line of what it wrote to standard error, for people."""
        lines = [line.strip() for line in self.error.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """A container engine that has answered."""

    reference: Reference
    path: str
    """Of the program."""
    environment: Mapping[str, str]
    """What the program is run with: it finds its engine and its settings by it."""
    is_podman: bool
    is_rootless: bool
    """Whether root inside a container is, outside, the user who runs the engine."""
    remaps_users: bool
    """Whether users of containers are other ones outside (docker's ``userns-remap``)."""
    has_selinux: bool

    @classmethod
    async def find(cls, program: str, environment: Mapping[str, str] = os.environ) -> Self:
        """Ask ``program`` what it is. Raises ContainerEngineError, saying why, when its engine does not answer."""
        path = shutil.which(program, path=environment.get("PATH", os.defpath))
        if path is None:
            raise ContainerEngineError(f"{program} is not installed")
        try:
            answer = await call([path, "info", "--format", "{{json .}}"], environment, ANSWER_TIME)
        except TimeoutError:
            raise ContainerEngineError(f"{program} did not answer within {ANSWER_TIME:.0f} s") from None
        if answer.code != 0:
            raise ContainerEngineError(f"{program} does not answer: {answer.complaint}")
        try:
            return cls._described(program, path, environment, json.loads(answer.output))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ContainerEngineError(f"{program} answers what no docker or podman does: {error!r}") from error

    @classmethod
    def _described(cls, program: str, path: str, environment: Mapping[str, str], info: dict[str, Any]) -> Self:
        if "store" in info:  # also under the name of docker: Debian's package podman-docker
            security = info["host"].get("security", {})
            return cls(
                Reference(program, f"podman:{info['host']['hostname']}:{info['store']['graphRoot']}"),
                path,
                environment,
                is_podman=True,
                is_rootless=bool(security.get("rootless")),
                remaps_users=False,
                has_selinux=bool(security.get("selinuxEnabled")),
            )
        if info.get("ServerErrors") or not info.get("ID"):  # some releases say so here, with exit code 0
            problem = "; ".join(info.get("ServerErrors") or ["its engine has no name"])
            raise ContainerEngineError(f"{program} does not answer: {problem}")
        options = {option.removeprefix("name=").split(",")[0] for option in info.get("SecurityOptions") or ()}
        return cls(
            Reference(program, f"docker:{info['ID']}"),
            path,
            environment,
            is_podman=False,
            is_rootless="rootless" in options,
            remaps_users="userns" in options,
            has_selinux="selinux" in options,
        )

    async def call(self, *arguments: str, seconds: float = _CALL_TIME) -> Answer:
        """Run the program. Raises ContainerEngineError when it does not end within ``seconds``."""
        try:
            return await call([self.path, *arguments], self.environment, seconds)
        except TimeoutError:
            words = f"{self.reference.program} {arguments[0]}"
            raise ContainerEngineError(f"'{words}' did not end within {seconds:.0f} s") from None

    async def containers(self, label: str) -> list[str]:
        """The ids of all containers that carry ``label`` (a name, or ``name=value``), running or not.

        Raises ContainerEngineError when the engine does not answer: then nothing is known.
        """
        answer = await self.call("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}")
        if answer.code != 0:
            raise ContainerEngineError(f"{self.reference.program} cannot list containers: {answer.complaint}")
        return answer.output.split()

    async def remove(self, label: str, patience: float) -> bool:
        """Kill and remove every container that carries ``label``. True once none is left.

        False when that could not be reached within ``patience`` seconds. Others may do the same at the same time.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                found = await self.containers(label)
                if not found or await self.force_away(*found):
                    return True
            except ContainerEngineError:
                pass  # it may answer again: its daemon is being restarted, or the machine is busy
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_PAUSE)

    async def force_away(self, *containers: str) -> bool:
        """Kill and remove containers by id or name. False when the engine does not say that all are gone."""
        at_once = ("--time", "0") if self.is_podman else ()  # docker's "force" does not wait anyway
        return (await self.call("rm", "--force", "--volumes", *at_once, *containers)).code == 0


def owner(host: Host | None, process: Process) -> str:
    """The value of ``OWNER_LABEL`` for containers of ``process``."""
    place = f"{host.boot_id}.{host.pid_namespace}" if host is not None else "unknown.0"
    return f"{place}.{process.pid}.{process.started}"


def owner_is_gone(text: str) -> bool:
    """Whether the process that an owner's label names certainly executes no more. False if that cannot be told."""
    host = processes.this_host()
    boot, _, rest = text.partition(".")
    try:
        namespace, pid, started = (int(number) for number in rest.split("."))
    except ValueError:
        return False
    if host is None or Host(boot, namespace) != host:
        return False
    return processes.is_gone(Process(pid, started))


async def end_containers(reference: Reference, text: str, patience: float) -> bool:
    """Kill and remove the containers of the process that ``text`` names as their owner. True when none is left.

    False when the container engine cannot be asked, or another one than ``reference`` answers: then containers may
    run that cannot be seen from here.
    """
    deadline = time.monotonic() + patience
    if reference.program not in PROGRAMS:  # the text comes from a database: it names no program to be started
        return False
    while True:
        try:
            engine = await ContainerEngine.find(reference.program)
            break
        except ContainerEngineError:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_PAUSE)
    if engine.reference != reference:
        return False
    return await engine.remove(f"{OWNER_LABEL}={text}", max(0.0, deadline - time.monotonic()))


async def call(argv: list[str], environment: Mapping[str, str], seconds: float) -> Answer:
    """Run a program to its end and answer what it wrote. Raises TimeoutError.

    It is killed then, and on cancellation. It runs in a session of its own: Ctrl-C at a terminal is not meant for
    it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        return Answer(127, "", f"{argv[0]}: {error.strerror or error}")
    try:
        async with asyncio.timeout(seconds):
            output, error_output = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
        await asyncio.shield(process.wait())
        raise
    return Answer(process.returncode or 0, output.decode(errors="replace"), error_output.decode(errors="replace"))
