"""The engine killed with ``kill -9``, whenever: nothing is stuck, left over, half-written or doubled."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from stepcache import processes
from stepcache.artifacts.artifact import Artifact, Kind, Verdict
from stepcache.artifacts.content import describe
from stepcache.artifacts.local import LocalArtifactStore
from stepcache.processes import Process
from stepcache.stores.opening import open_store
from tests.cli.running import call, document, start, until
from tests.pipelines.compiled import Step, pipeline_input, write

KILLS = 8

PRODUCE = """
def produce(attempt: int, data: Output[Artifact], folder: Output[Artifact]):
    import os
    with open(data.path, "w") as file:
        for number in range(20000):
            file.write(f"{attempt} {number}\\n")
    for number in range(50):
        os.makedirs(f"{folder.path}/{number}")
        with open(f"{folder.path}/{number}/x", "w") as file:
            file.write(f"{attempt} " * 1000)
"""
CONSUME = """
def consume(data: Input[Artifact], folder: Input[Artifact]) -> str:
    import os
    with open(data.path) as file:
        lines = len(file.readlines())
    return f"{lines} lines, {len(os.listdir(folder.path))} directories"
"""


def test_an_engine_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pipeline = write(
        tmp_path / "crash.yaml",
        Step(
            "produce",
            PRODUCE,
            {"attempt": pipeline_input("NUMBER_INTEGER", "attempt")},
            output_artifacts=("data", "folder"),
        ),
        Step(
            "consume",
            CONSUME,
            artifacts={name: ("produce", name) for name in ("data", "folder")},
            outputs={"Output": "STRING"},
        ),
        inputs={"attempt": {"parameterType": "NUMBER_INTEGER"}},
        outputs={"result": "consume.Output"},
    )
    seed = random.randrange(2**32)
    print("seed", seed)  # shown when the test fails
    moments = random.Random(seed)
    for attempt in range(KILLS):
        _kill(home, ("run", str(pipeline), "-p", f"attempt={attempt}"), moments.uniform(0.1, 1.2))
        _nothing_half_written(home)
    for attempt in range(KILLS):
        began = time.monotonic()
        ended = call(home, "run", pipeline, "-p", f"attempt={attempt}", "--json")
        assert document(ended)["outputs"] == {"result": "20000 lines, 50 directories"}, ended.stderr
        assert time.monotonic() - began < 45  # no lease was waited for, which lasts a minute
    _nothing_half_written(home)
    assert list((home / "artifacts" / "scratch").iterdir()) == []
    assert asyncio.run(_records(home)) == ([], [])


def _kill(home: Path, command: tuple[str, ...], after: float) -> None:
    victim = start(home, *command)
    deadline = time.monotonic() + after
    below: set[Process] = set()
    while time.monotonic() < deadline and victim.poll() is None:
        below |= _below(victim.pid)
        time.sleep(0.01)  # between two looks at another process
    victim.kill()
    victim.communicate()
    until(lambda: all(map(processes.is_gone, below)), seconds=10)


def _below(pid: int) -> set[Process]:
    """Every process that descends from ``pid`` now."""
    found: set[Process] = set()
    pending = [pid]
    while pending:
        parent = pending.pop()
        try:
            listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        for child in map(int, listed):
            pending.append(child)
            if (process := processes.find(child)) is not None:
                found.add(process)
    return found


def _nothing_half_written(home: Path) -> None:
    """What stands under a digest is what the digest says; every entry's outputs are there."""
    for path in (home / "artifacts" / "objects").glob("*/*"):
        assert path.name.removesuffix(".dir") == describe(path).digest
    if (home / "stepcache.db").exists():
        _every_entry_is_whole(home)


def _every_entry_is_whole(home: Path) -> None:
    with closing(sqlite3.connect(home / "stepcache.db")) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'execution_caches'").fetchone()
        rows = connection.execute("SELECT ExecutionOutput FROM execution_caches").fetchall() if tables else []
    artifacts = [item for (output,) in rows for item in json.loads(output).get("artifacts", [])]
    if artifacts:
        store = LocalArtifactStore.open(home / "artifacts")
        verdicts = {store.verify(Artifact(digest, size, Kind(kind))) for digest, size, kind in artifacts}
        assert verdicts == {Verdict.INTACT}


async def _records(home: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Duplicates, and runs that are said to run."""
    store = await open_store(f"sqlite:///{home / 'stepcache.db'}")
    try:
        return list(await store.duplicates()), [run.run_id for run in await store.runs(state="RUNNING")]
    finally:
        await store.close()
