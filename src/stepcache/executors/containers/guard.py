"""The engine's side of the guard: see ``guard_process``."""

from __future__ import annotations

import subprocess
import sys

from stepcache.container_engine import ContainerEngine
from stepcache.processes import Process

_LEAVING = 10.0  # seconds; it has nothing to do but to end


class Guard:
    """One process per engine that runs containers. It removes them when the engine is killed."""

    def __init__(self, engine: ContainerEngine, owner: str, supervisor: Process) -> None:
        reference = engine.reference
        words = (reference.program, reference.identity, owner, str(supervisor.pid), str(supervisor.started))
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "stepcache.executors.containers.guard_process", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(engine.environment),
            start_new_session=True,  # Ctrl-C at a terminal is not meant for it
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def dismiss(self) -> None:
        """Tell it that there is nothing left to remove, and wait for its end. Blocks for some milliseconds."""
        try:
            self._child.communicate(b".", timeout=_LEAVING)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
