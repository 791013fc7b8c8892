"""A program that outlives its engine, and then removes the engine's containers.

docker's containers are children of docker, not of the engine: nothing that dies with the engine takes them along.
So this program waits for the end of its standard input, or of its parent. One byte before that end says that there
is nothing left to do. It is run with ``python -P -m``, and its arguments are what ``Guard`` makes of them.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys

_SUPERVISOR_PATIENCE = 20.0  # it ends its steps, and with them the clients that could start one more container
_ENGINE_PATIENCE = 120.0
_PAUSE = 0.02


def main() -> None:
    """Guard the parent process."""
    parent = _descriptor(os.getppid())
    if not _is_told_to_leave(parent):
        _remove_containers(*sys.argv[1:])


def _remove_containers(program: str, identity: str, owner: str, supervisor: str, started: str) -> None:
    import asyncio  # imported here: almost always there is nothing to remove, and the engine waits for this program
    import time

    from stepcache import container_engine, processes

    supervising = processes.Process(int(supervisor), int(started))
    deadline = time.monotonic() + _SUPERVISOR_PATIENCE
    while not processes.is_gone(supervising) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    reference = container_engine.Reference(program, identity)
    asyncio.run(container_engine.end_containers(reference, owner, _ENGINE_PATIENCE))


def _is_told_to_leave(parent: int | None) -> bool:
    poll = select.poll()
    poll.register(0, select.POLLIN)
    if parent is not None:  # a fork of the parent holds the other end of the pipe too
        poll.register(parent, select.POLLIN)
    ready = [descriptor for descriptor, _ in poll.poll()]
    return 0 in ready and os.read(0, 1) != b""


def _descriptor(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return None


if __name__ == "__main__":
    main()
