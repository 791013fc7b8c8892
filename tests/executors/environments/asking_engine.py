"""An engine to be killed: ``python -m …asking_engine HOME EVENT REQUIREMENT OPTION…``.

Asks for one environment; prints what is reported while it is made, and in the end the directory of its packages,
the digest of its lock and the number of changes of files below ``HOME``. It kills itself at the ``EVENT``-th of
these, never at 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from stepcache.executors.environments.environments import Environments
from stepcache.executors.environments.request import Request
from stepcache.executors.supervisor import Supervisor

_CHANGES = {"open", "os.rename", "os.chmod", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.truncate"}


class Fate:
    """Counts changes, and ends this process at the one that is its last."""

    def __init__(self, home: str, last: int) -> None:
        self.changes = 0
        self._home = home
        self._last = last
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES and any(self._home in str(one) for one in arguments[:2]):
            self.changes += 1
            if self.changes == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(home: Path, last: int, requirement: str, options: list[str]) -> None:
    fate = Fate(str(home), last)
    supervisor = Supervisor()
    await supervisor.started()
    environments = Environments(home, supervisor, report=lambda told: print(told, flush=True))
    environment = await environments.ready(Request.of([requirement], options))
    print(environment.layers[0], environment.lock.digest, fate.changes, flush=True)
    await supervisor.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
