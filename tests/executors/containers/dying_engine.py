"""An engine to be killed: ``python dying_engine.py PROGRAM DIRECTORY IMAGE KEY``, for ``test_engine_death``.

Claims KEY in the store of DIRECTORY, executes a step for it in a container which never ends, prints the process ids
of supervisor, reaper and client as JSON, and waits.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.cache.cache import Cache, Holding
from stepcache.cache.holder import StepProcess
from stepcache.cache.ticket import Ticket
from stepcache.executors.containers.command import ContainerCommand
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.supervisor import Supervisor
from stepcache.stores.opening import open_store

SCRIPT = "echo > ready; while :; do date >> beats; sleep 0.01; done"


async def main(program: str, directory: Path, image: str, key: str) -> None:
    store = await open_store(f"sqlite:///{directory / 'store.db'}")
    cache = Cache(store, LocalArtifactStore.open(directory / "artifacts"))
    supervisor = Supervisor()
    await supervisor.started()
    runtime = await ContainerRuntime.find(supervisor, programs=(program,))
    ticket = Ticket(key, supervisor=supervisor.process, containers=runtime.reference)
    holding = await cache.attempt(ticket)
    assert isinstance(holding, Holding)
    work = directory / "work"
    work.mkdir()
    command = ContainerCommand(
        await runtime.image(image),
        ("sh", "-c", SCRIPT),
        (),
        {},
        work,
        directory / "log",
        working_directory=str(work),
    )
    running = await runtime.run(command)
    await holding.annotate(StepProcess(supervisor.process, running.process, running.group, running.reaper))
    print(json.dumps([supervisor.process.pid, running.reaper.pid, running.process.pid]), flush=True)
    await running.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
