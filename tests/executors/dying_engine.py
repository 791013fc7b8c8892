"""An engine to be killed: ``python dying_engine.py DIRECTORY [--forks] [--forked]``, for ``test_engine_death``.

Starts the steps ``DIRECTORY/*.sh``, prints the supervisor's, reapers' and steps' process ids as JSON, and waits;
then prints how each ended. SIGINT is noted on standard output and changes nothing. With ``--forked`` the steps are
components that run the scripts, forked from a worker.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from stepcache.executors.step import StepCommand
from stepcache.executors.supervisor import Supervisor
from tests.executors.components import Component, is_forked
from tests.executors.observing import shell


def component(directory: Path, script: str) -> StepCommand:
    source = f"import subprocess, sys; sys.exit(subprocess.call(['sh', '-c', '. ./{script}']))"
    command = Component.at(directory.parent / script, source).command(forked=True)
    return replace(command, directory=directory)


async def main(directory: Path, scripts: list[str], *, forks: bool, forked: bool) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: print("interrupted", flush=True))
    supervisor = Supervisor()
    await supervisor.started()
    commands = [component(directory, name) if forked else shell(directory, f". ./{name}") for name in scripts]
    steps = [await supervisor.run(command) for command in commands]
    assert all(map(is_forked, steps)) or not forked
    if forks and os.fork() == 0:
        (directory / "fork").write_text(f"{os.getpid()}\n")
        signal.pause()
    pids = [supervisor.process.pid, *(pid for step in steps for pid in (step.reaper.pid, step.process.pid))]
    print(json.dumps(pids), flush=True)
    exits = await asyncio.gather(*(step.wait() for step in steps))
    print(json.dumps([step.code for step in exits]), flush=True)
    await supervisor.close()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    options = {"forks": "--forks" in sys.argv, "forked": "--forked" in sys.argv}
    asyncio.run(main(place, sorted(file.name for file in place.glob("*.sh")), **options))
