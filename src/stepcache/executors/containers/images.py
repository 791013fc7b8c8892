"""Finding out which image a name stands for, pulling it first if it has to be."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from stepcache.container_engine import ContainerEngine, Reference
from stepcache.errors import StepcacheError
from stepcache.executors.containers.image import Image, PullPolicy, candidates, check_name, full_name
from stepcache.executors.step import StepCommand
from stepcache.executors.supervisor import Supervisor
from stepcache.executors.unresolved import Unresolved, UnresolvedError


class ImageError(StepcacheError):
    """An image cannot be had. It concerns the tasks that need it, and no other."""


class KnownImages:
    """The images that are on this machine, for who only looks: nothing is pulled."""

    def __init__(self, engine: ContainerEngine) -> None:
        self._engine = engine

    @property
    def reference(self) -> Reference:
        """The container engine that has them."""
        return self._engine.reference

    async def image(self, name: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> Image:
        """The image that ``name`` stands for now. Raises UnresolvedError for one that a run would pull first, else
        as ``Images.find`` does.
        """
        check_name(name)
        image = None if policy is PullPolicy.ALWAYS else await on_this_machine(name, self._engine)
        if image is not None:
            return image
        if policy is PullPolicy.NEVER:
            raise _absent(name, self._engine)
        raise UnresolvedError(Unresolved.IMAGE, f"'{name}'")

    async def known(self, name: str, policy: PullPolicy) -> Image | None:
        """What ``image`` answers; None where it raises."""
        try:
            return await self.image(name, policy)
        except (UnresolvedError, StepcacheError):
            return None


class Images:
    """The images that one run uses. Each is looked up once, and pulled once at most."""

    def __init__(
        self, engine: ContainerEngine, supervisor: Supervisor, announce: Callable[[str], None] | None = None
    ) -> None:
        self._engine = engine
        self._supervisor = supervisor
        self._announce = announce
        self._found: dict[tuple[str, PullPolicy], asyncio.Task[Image]] = {}

    async def find(self, name: str, policy: PullPolicy) -> Image:
        """The image that ``name`` stands for when it is first asked for in this run, by ``policy``.

        Any number of tasks may ask at once: one look-up, and one pull, serves them all; cancelling one of them
        disturbs no other. A failure is told to all who wait for it, and the next to ask tries again. Raises
        InputError for a name that cannot be one, ImageError when the image cannot be had, and ContainerEngineError
        when the engine does not answer.
        """
        check_name(name)
        asked = (name, policy)
        task = self._found.get(asked)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._found[asked] = asyncio.create_task(self._find(name, policy), name=f"image {name}")
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop what is being pulled."""
        for task in self._found.values():
            task.cancel()
        await asyncio.gather(*self._found.values(), return_exceptions=True)

    async def known(self, name: str, policy: PullPolicy) -> Image | None:
        """What ``find`` answers, if that is known without pulling; None also for what cannot be had.

        Raises ContainerEngineError when the engine does not answer.
        """
        task = self._found.get((name, policy))
        if task is not None:
            failed = not task.done() or task.cancelled() or task.exception() is not None
            return None if failed else task.result()
        if policy is PullPolicy.ALWAYS or await on_this_machine(name, self._engine) is None:
            return None
        return await self.find(name, policy)

    async def _find(self, name: str, policy: PullPolicy) -> Image:
        if policy is not PullPolicy.ALWAYS:
            image = await on_this_machine(name, self._engine)
            if image is not None:
                return image
        program = self._engine.reference.program
        if policy is PullPolicy.NEVER:
            raise _absent(name, self._engine)
        source = full_name(name) if self._engine.is_podman else name
        if self._announce is not None:
            self._announce(name)
        await self._pull(name, source)
        image = await _inspect(name, source, self._engine)
        if image is None:
            raise ImageError(f"the image '{name}' was pulled, and {program} does not know it all the same")
        return image

    async def _pull(self, name: str, source: str) -> None:
        """Pull below the supervisor, so that it ends with the engine, however that ends."""
        with tempfile.TemporaryDirectory(prefix="stepcache-pull-") as directory:
            log = Path(directory) / "log"
            argv = (self._engine.path, "pull", source)
            command = StepCommand(argv, self._engine.environment, Path(directory), log)
            pulling = await self._supervisor.run(command)
            try:
                ended = await pulling.wait()
            except asyncio.CancelledError:
                await asyncio.shield(pulling.stop(0))
                raise
            if not ended.ok:
                raise ImageError(
                    f"the image '{name}' cannot be pulled: {_last_line(log) or ended.describe()}",
                    remedy="see that its name is right, the registry can be reached, and you are logged in there",
                )


async def on_this_machine(name: str, engine: ContainerEngine) -> Image | None:
    """The image that ``name`` stands for here; None when there is none."""
    for candidate in candidates(name, is_podman=engine.is_podman):
        image = await _inspect(name, candidate, engine)
        if image is not None:
            return image
    return None


async def _inspect(name: str, candidate: str, engine: ContainerEngine) -> Image | None:
    template = "{{.Id}} {{.Os}} {{.Architecture}}"
    answer = await engine.call("image", "inspect", "--format", template, candidate)
    if answer.code != 0:
        return None
    try:
        identifier, system, architecture = answer.output.split()
    except ValueError as error:
        raise ImageError(f"{engine.reference.program} describes the image '{name}' badly") from error
    return Image(name, identifier if ":" in identifier else f"sha256:{identifier}", f"{system}/{architecture}")


def _absent(name: str, engine: ContainerEngine) -> ImageError:
    return ImageError(
        f"the image '{name}' is not on this machine, and its pull policy is Never",
        remedy=f"pull or build it ({engine.reference.program} pull {name}), or use another policy",
    )


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
