"""The environments of one engine: locks found or resolved, layers found or made."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors import host
from stepcache.executors.distributions import installed, site_directories
from stepcache.executors.environments import file_lock, installation, resolution, scratch
from stepcache.executors.environments.engine_package import EnginePackage
from stepcache.executors.environments.environment import Environment, data_files
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.layers import Layers
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.locks import Locks
from stepcache.executors.environments.request import Request
from stepcache.executors.environments.shared_work import SharedWork
from stepcache.executors.environments.uv import Uv
from stepcache.executors.supervisor import Supervisor


class Environments:
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
        self._directory = home / "environments"
        self._refresh = refresh
        self._report = report
        self._locks = Locks(self._directory)
        self._layers = Layers(self._directory / "layers")
        self._interpreter = Interpreter.of_engine()
        self._uv = Uv(self._interpreter, self._directory / "cache", supervisor, inherited)
        self._answers: dict[Request, Lock] = {}
        self._resolved: SharedWork[Request, list[str]] = SharedWork()
        self._made: SharedWork[str, Path] = SharedWork()
        self._environments: SharedWork[Request, Environment] = SharedWork()

    def of_engine(self) -> Environment:
        """The engine's own packages, for steps that ask for none. Read anew at every call, in 1 to 2 ms.

        Only what a step installs itself is kept apart; what the user changes here, steps see.
        """
        is_virtual = sys.prefix != sys.base_prefix
        return Environment(
            interpreter=self._interpreter,
            lock=Lock(host.lock_text()),
            layers=tuple(map(Path, site_directories())),
            data=data_files(Path(sys.prefix)) if is_virtual else {},  # below /usr it is not what packages installed
        )

    def kept(self, request: Request) -> Lock | None:
        """The lock of ``request`` if it was resolved before; runs nothing, and reads one small file once."""
        lock = self._answers.get(request)
        if lock is None and (lines := self._locks.resolved(request, self._interpreter)) is not None:
            lock = _with_kfp(lines)
            if not self._refresh:
                self._answers[request] = lock
        return lock

    def kept_now(self, request: Request) -> Lock | None:
        """What ``kept`` answers, unless this instance has yet to resolve it anew."""
        return self._answers.get(request) if self._refresh else self.kept(request)

    def find(self, digest: str) -> Lock | None:
        """The lock of this digest, if it was ever used below this home: what ``explain`` compares."""
        return self._locks.find(digest)

    def remember(self, lock: Lock) -> None:
        """Keep the lock of an environment that was used, so that ``find`` answers it."""
        self._locks.keep(lock)

    async def lock(self, request: Request) -> Lock:
        """What the environment of ``request`` holds: as kept, else resolved now, and kept.

        Raises InputError when nothing satisfies the requirements, and StepcacheError when an index cannot be
        reached, a package not be built, or a file not be written. A lock that was kept before is then kept still.
        """
        lock = self.kept_now(request)
        if lock is None:
            lock = _with_kfp(await self._resolved.get(request, lambda: self._resolve(request)))
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
            self._report(f"resolving {request}")
            try:
                async with scratch.made(path) as directory:
                    lines = await resolution.resolve(
                        request, _kfp_version(), self._uv, directory, anew=self._refresh
                    )
            except OSError as error:
                raise StepcacheError(f"cannot resolve {request}: {error}") from error
            self._locks.keep_resolved(request, self._interpreter, lines)
            return sorted(lines)

    async def _make(self, request: Request) -> Environment:
        lock = await self.lock(request)
        copied = f"kfp=={_kfp_version()}"
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
            self._report(f"installing {len(lines)} package{'s' if len(lines) != 1 else ''} for {request}")
            await installation.install(lines, request, self._uv, root, scratch)

        return await self._layers.ready(name, make)

    async def _engine_package(self, name: str) -> Path:
        package = await asyncio.to_thread(EnginePackage.find, name)

        async def make(root: Path, _: Path) -> None:
            await package.make(root, self._uv)

        return await self._made.get(package.layer, lambda: self._layers.ready(package.layer, make))


def _with_kfp(lines: list[str]) -> Lock:
    """The lock of what was resolved, with the engine's kfp unless the requirements brought one."""
    lock = Lock.of(lines)
    return lock if "kfp" in lock.distributions else Lock.of([*lines, f"kfp=={_kfp_version()}"])


def _kfp_version() -> str:
    version = installed().get("kfp")
    if version is None:
        raise StepcacheError("kfp is not installed where stepcache runs", remedy="pip install kfp")
    return version


def _c_library() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except ValueError:
        return ""  # not the GNU one
