"""An engine that stands still for longer than its lease, as a machine does that sleeps, and then goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from stepcache import processes
from tests.cache.caches import until
from tests.pipelines.compiled import Step, pipeline_input, write
from tests.servers.server import Server
from tests.stores.sql_world import sql_world

LONG = 60.0  # seconds; only a broken test waits for so long
ENVIRONMENT = {"STEPCACHE_SAME_HOST": "off", "STEPCACHE_LEASE": "2"}
SLOW_AT_FIRST = """
def slow(trace: str) -> int:
    import os, time
    with open(trace, "a") as file:
        file.write(f"{os.getpid()}\\n")
    with open(trace) as file:
        number = len(file.readlines())
    while number == 1:
        time.sleep(1)
    return number
"""


def engine(stack: ExitStack, url: str, directory: Path, home: str) -> subprocess.Popen[str]:
    places = ["--home", str(directory / home), "--store", url, "--artifacts", str(directory / "artifacts")]
    what = [str(directory / "pipeline.yaml"), "-p", f"trace={directory / 'trace'}", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stepcache", *places, "run", *what],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


async def test_an_engine_that_was_replaced_stops_its_step_and_takes_the_result(
    server: Server, tmp_path: Path
) -> None:
    inputs = {"trace": {"parameterType": "STRING"}}
    step = Step(
        "slow", SLOW_AT_FIRST, {"trace": pipeline_input("STRING", "trace")}, outputs={"Output": "NUMBER_INTEGER"}
    )
    write(tmp_path / "pipeline.yaml", step, inputs=inputs, outputs={"number": "slow.Output"})
    trace = tmp_path / "trace"
    publishers = "SELECT published_by FROM execution_details"
    async with sql_world(server) as world:
        with ExitStack() as stack:
            paused = engine(stack, world.url, tmp_path, "first")
            await until(lambda: trace.exists() and trace.read_text().endswith("\n"), LONG)
            step_process = processes.find(int(trace.read_text()))
            paused.send_signal(signal.SIGSTOP)
            other = engine(stack, world.url, tmp_path, "second")
            executed = json.loads((await asyncio.to_thread(other.communicate, timeout=LONG))[0])
            published = await world.session.run(publishers)
            paused.send_signal(signal.SIGCONT)
            taken = json.loads((await asyncio.to_thread(paused.communicate, timeout=LONG))[0])
            assert (other.returncode, paused.returncode) == (0, 0)
        assert [task["cache"]["result"] for task in executed["tasks"]] == ["miss"]
        assert taken["outputs"] == executed["outputs"] == {"number": 2}
        assert [task["cache"]["result"] for task in taken["tasks"]] in (["hit"], ["shared"])
        assert step_process is None or processes.is_gone(step_process)
        assert await world.session.run(publishers) == published
    assert len(trace.read_text().splitlines()) == 2
