"""The environments of one engine: locks found or resolved, layers found or made."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors.environments import file_lock, scratch
from stepcache.executors.environments.engine_package import EnginePackage
from stepcache.executors.environments.environment import Environment, data_files
from stepcache.executors.environments.kept import KeptEnvironments, kfp_version, with_kfp
from stepcache.executors.environments.layers import Layers
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.request import Request
from stepcache.executors.environments.shared_work import SharedWork
from stepcache.executors.environments.uv import Uv
from stepcache.executors.supervisor import Supervisor


class Environments(KeptEnvironments):
    """What steps run in, below ``home``.

    Everything that takes long is a coroutine: uv runs as a process below ``supervisor``, and files are handled in
    threads. Requests are answered once per instance and kept on disk for the next one; any number of processes may
    share a home. With ``refresh`` every request is resolved again, once by this instance.
    """

    def __init__(
        self,
        home: Path,
        supervisor: Supervisor,
        *,
        inherited: Mapping[str, str] = os.environ,
        refresh: bool = False,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(home, refresh=refresh)
        self._report = report
        self._layers = Layers(self._directory / "layers")
        self._uv = Uv(self._interpreter, self._directory / "cache", supervisor, inherited)
        self._resolved: SharedWork[Request, list[str]] = SharedWork()
        self._made: SharedWork[str, Path] = SharedWork()
        self._environments: SharedWork[Request, Environment] = SharedWork()
        self._remembered: set[str] = set()

    async def remember(self, lock: Lock) -> None:
        """Keep the lock of an environment that was used, so that ``find`` answers it; once by this instance."""
        if lock.digest not in self._remembered:
            await asyncio.to_thread(self._locks.keep, lock)
            self._remembered.add(lock.digest)

    async def lock(self, request: Request) -> Lock:
        """What the environment of ``request`` holds: as kept, else resolved now, and kept.

        Raises InputError when nothing satisfies the requirements, and StepcacheError when an index cannot be
        reached, a package not be built, or a file not be written. A lock that was kept before is then kept still.
        """
        lock = self.kept_now(request)
        if lock is None:
            lock = with_kfp(await self._resolved.get(request, lambda: self._resolve(request)))
            self._answers[request] = lock
        await asyncio.to_thread(self._locks.keep, lock)
        return lock

    async def ready(self, request: Request) -> Environment:
        """The environment of ``request``, resolved and installed where that was not done before.

        An environment that was altered since is made again. Raises as ``lock`` does.
        """
        return await self._environments.get(request, lambda: self._make(request))

    async def _resolve(self, request: Request) -> list[str]:
        path = self._locks.request_path(request, self._interpreter, ".lock")
        async with file_lock.held(path):
            kept = None if self._refresh else self._locks.resolved(request, self._interpreter)
            if kept is not None:  # another process resolved it while this one waited
                return kept
            from stepcache.executors.environments import resolution

            self._report(f"resolving {request}")
            try:
                async with scratch.made(path) as directory:
                    lines = await resolution.resolve(
                        request, kfp_version(), self._uv, directory, anew=self._refresh
                    )
            except OSError as error:
                raise StepcacheError(f"cannot resolve {request}: {error}") from error
            self._locks.keep_resolved(request, self._interpreter, lines)
            return sorted(lines)

    async def _make(self, request: Request) -> Environment:
        lock = await self.lock(request)
        copied = f"kfp=={kfp_version()}"
        lines = [line for line in lock.lines if line != copied]
        name = self._layer(lines)
        root = await self._made.get(name, lambda: self._install(name, lines, request))
        roots = [root]
        if copied in lock.lines:
            roots.append(await self._engine_package("kfp"))
        if "pip" not in lock.distributions:
            roots.append(await self._engine_package("pip"))
        return Environment(
            interpreter=self._interpreter,
            lock=lock,
            layers=tuple(map(self._interpreter.site_packages, roots)),
            scripts=(root / "bin",) if (root / "bin").is_dir() else (),
            data=await asyncio.to_thread(data_files, root),
        )

    def _layer(self, lines: list[str]) -> str:
        """The name of the layer with these packages: what was built here depends on the C library too."""
        document = {"lock": Lock.of(lines).digest, **self._interpreter.document(), "libc": _c_library()}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    async def _install(self, name: str, lines: list[str], request: Request) -> Path:
        async def make(root: Path, scratch: Path) -> None:
            from stepcache.executors.environments import installation

            self._report(f"installing {len(lines)} package{'s' if len(lines) != 1 else ''} for {request}")
            await installation.install(lines, request, self._uv, root, scratch)

        return await self._layers.ready(name, make)

    async def _engine_package(self, name: str) -> Path:
        package = await asyncio.to_thread(EnginePackage.find, name)

        async def make(root: Path, _: Path) -> None:
            await package.make(root, self._uv)

        return await self._made.get(package.layer, lambda: self._layers.ready(package.layer, make))


def _c_library() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except ValueError:
        return ""  # not the GNU one
