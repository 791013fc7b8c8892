"""An engine to be killed: ``python dying_engine.py DIRECTORY [--forks]``, the program of ``test_engine_death``.

Starts the steps ``DIRECTORY/*.sh``, prints the supervisor's, reapers' and steps' process ids as JSON, and waits;
then prints how each ended. SIGINT is noted on standard output and changes nothing.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from stepcache.executors.supervisor import Supervisor
from tests.executors.observing import shell


async def main(directory: Path, scripts: list[str], *, forks: bool) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: print("interrupted", flush=True))
    supervisor = await Supervisor.start()
    steps = [await supervisor.run(shell(directory, f". ./{name}")) for name in scripts]
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
    asyncio.run(main(place, sorted(file.name for file in place.glob("*.sh")), forks="--forks" in sys.argv))
