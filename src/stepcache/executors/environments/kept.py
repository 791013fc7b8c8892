"""The environments that are known below a home, for who only looks."""

from __future__ import annotations

import sys
from pathlib import Path

from stepcache.errors import StepcacheError
from stepcache.executors import host
from stepcache.executors.distributions import installed, site_directories
from stepcache.executors.environments.environment import Environment, data_files
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.lock import Lock
from stepcache.executors.environments.locks import Locks
from stepcache.executors.environments.request import Request
from stepcache.executors.unresolved import Unresolved, UnresolvedError


class KeptEnvironments:
    """What was resolved before, below ``home``. Nothing is run, resolved, installed or written.

    With ``refresh`` whatever was resolved counts as unknown, as it is to be resolved again.
    """

    def __init__(self, home: Path, *, refresh: bool = False) -> None:
        self._directory = home / "environments"
        self._refresh = refresh
        self._locks = Locks(self._directory)
        self._interpreter = Interpreter.of_engine()
        self._answers: dict[Request, Lock] = {}

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
            lock = with_kfp(lines)
            if not self._refresh:
                self._answers[request] = lock
        return lock

    def kept_now(self, request: Request) -> Lock | None:
        """What ``kept`` answers, unless this instance has yet to resolve it anew."""
        return self._answers.get(request) if self._refresh else self.kept(request)

    def find(self, digest: str) -> Lock | None:
        """The lock of this digest, if it was ever used below this home: what ``explain`` compares."""
        return self._locks.find(digest)

    async def lock(self, request: Request) -> Lock:
        """What ``kept_now`` answers. Raises UnresolvedError when that is nothing."""
        lock = self.kept_now(request)
        if lock is None:
            raise UnresolvedError(Unresolved.PACKAGES, str(request))
        return lock


def with_kfp(lines: list[str]) -> Lock:
    """The lock of what was resolved, with the engine's kfp unless the requirements brought one."""
    lock = Lock.of(lines)
    return lock if "kfp" in lock.distributions else Lock.of([*lines, f"kfp=={kfp_version()}"])


def kfp_version() -> str:
    """The version of the engine's kfp. Raises StepcacheError where there is none."""
    version = installed().get("kfp")
    if version is None:
        raise StepcacheError("kfp is not installed where stepcache runs", remedy="pip install kfp")
    return version
