"""One execution of one step in a container of its image."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stepcache.cache.cache import Holding
from stepcache.container_engine import Reference
from stepcache.errors import StepcacheError, StoreUnavailableError
from stepcache.executors.containers.command import ContainerCommand
from stepcache.executors.containers.image import Image, PullPolicy
from stepcache.executors.containers.images import KnownImages
from stepcache.executors.containers.mount import Mount
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.private_mounts import DirectoryMount
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import command_line, executor_input, secret_outputs, supervised, task_outputs
from stepcache.pipelines.command_work import CommandWork
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container
from stepcache.pipelines.platform.provision import Provision
from stepcache.pipelines.platform.settings import ExecutorSettings
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import StepFailedError

_MEMORY = Path("/dev/shm")  # noqa: S108 - files in memory, in a directory that only this user can enter


@dataclass(frozen=True, kw_only=True)
class ContainerStep(CommandWork):
    """A command that runs in a container of its image."""

    image: Image
    containers: Reference

    @classmethod
    async def of(  # noqa: PLR0913 - what is executed, and on what
        cls,
        component: Component,
        container: Container,
        inputs: Values,
        run: Mapping[str, str],
        *,
        keyed: Values,
        provision: Provision,
        settings: ExecutorSettings,
        images: KnownImages | ContainerRuntime,
    ) -> ContainerStep:
        """The step, its image found, or pulled where ``images`` does that.

        Raises StepFailedError when the image cannot be had, and UnresolvedError when it would have to be pulled.
        """
        told = executor_input.build(component, inputs, OutputPaths(Path("/")), lambda _: Path("/"))
        (name,) = command_line.resolve([container.image], told, run)
        try:
            image = await images.image(name, PullPolicy.parse(settings.image_pull_policy))
        except StoreUnavailableError:
            raise
        except StepcacheError as error:
            raise StepFailedError(str(error)) from error
        return cls(
            component=component,
            container=container,
            inputs=inputs,
            run=run,
            keyed=keyed,
            provision=provision,
            image=image,
            containers=images.reference,
        )

    @property
    def executor(self) -> Mapping[str, str]:
        """See ``CommandWork``."""
        return self.image.describe()

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """See ``Work``."""
        scratch = await asyncio.to_thread(session.artifacts.scratch)
        directories = [scratch]
        try:
            return await self._perform(scratch, directories, record, session, holding)
        except ValueError as error:  # from what the step left, or from what it was to be told
            raise StepFailedError(session.cluster.redactor.text(str(error))) from None
        finally:
            session.leftovers.remove(directories)

    async def _perform(
        self, scratch: Path, directories: list[Path], record: TaskRecord, session: Session, holding: Holding | None
    ) -> Values:
        log, redactor = session.open_log(record), session.cluster.redactor
        command = await asyncio.to_thread(self._command, scratch, directories, log, record, session)
        try:
            ended = await supervised.follow(
                lambda: session.container_runtime.run(command), session, holding, limit=self.provision.timeout
            )
        finally:
            if redactor:
                await asyncio.shield(asyncio.to_thread(redactor.file, log))
        if not ended.ok:
            raise StepFailedError(f"the step {ended.describe()}")
        outputs = OutputPaths(scratch / "outputs")
        values = await asyncio.to_thread(task_outputs.collect, self.component, outputs, session.artifacts)
        if self.provision.has_secrets:
            await secret_outputs.warn(values, record, session)
        return values

    def _command(
        self, scratch: Path, directories: list[Path], log: Path, record: TaskRecord, session: Session
    ) -> ContainerCommand:
        """Make the directories, and what runs in them; those to be removed afterwards join ``directories``."""
        paths = OutputPaths(scratch / "outputs")
        for directory in (paths.parameter("x").parent, paths.artifact("x").parent):
            directory.mkdir(parents=True)
        told = executor_input.build(self.component, self.inputs, paths, session.artifacts.path)
        contents = [item.content for items in self.inputs.artifacts.values() for item in items if item.content]
        return ContainerCommand(
            image=self.image,
            command=tuple(command_line.resolve(self.container.command, told, self.run)),
            args=tuple(command_line.resolve(self.container.args, told, self.run)),
            environment=self.provision.variables(self.container),
            directory=scratch,
            log=log,
            inputs=tuple(dict.fromkeys(session.artifacts.path(content) for content in contents)),
            mounts=tuple(self._mounts(scratch, directories, session)),
            labels={"run": session.context.run_id, "task": record.name},
        )

    def _mounts(self, scratch: Path, directories: list[Path], session: Session) -> list[Mount]:
        mounts = []
        workspace = Path(session.context.workspace)
        if workspace.is_dir():
            mounts.append(Mount.in_place(workspace, read_only=False))
        for mount in self.provision.mounts(scratch):
            if isinstance(mount, DirectoryMount):
                mounts.append(Mount(Path(mount.source), mount.target, mount.read_only))
                continue
            files = Path(tempfile.mkdtemp(prefix="stepcache-", dir=_MEMORY if _MEMORY.is_dir() else None))
            directories.append(files)
            for name, content in mount.files.items():
                (files / name).write_bytes(content)
            mounts.append(Mount(files, mount.target))
        return mounts
