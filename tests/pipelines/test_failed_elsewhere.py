"""A step that fails in another process, while a run here waits for its result."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stepcache.cache.cache import Cache
from stepcache.pipelines import arguments, loading
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.listener import Silence
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import Given
from stepcache.pipelines.task_record import TaskRecord
from stepcache.stores.memory import MemoryStore
from stepcache.stores.memory_state import MemoryState
from tests.cache.caches import local_artifacts
from tests.pipelines.compiled import Step, pipeline_input, write

FAILING = """
def failing(go: str):
    import os, time
    while not os.path.exists(go):
        time.sleep(0.01)
    raise SystemExit(7)
"""


class Signals(Silence):
    """Tells when the task runs, and when it waits."""

    def __init__(self) -> None:
        self.runs, self.waits = asyncio.Event(), asyncio.Event()

    def task_changed(self, task: TaskRecord) -> None:
        if task.waiting_for:
            self.waits.set()
        elif task.log:
            self.runs.set()


async def test_a_run_that_waited_fails_with_the_error_and_the_log_of_the_other(tmp_path: Path) -> None:
    go = tmp_path / "go"
    step = Step("failing", FAILING, parameters={"go": pipeline_input("STRING", "go")})
    pipeline = loading.load(write(tmp_path / "p.yaml", step, inputs={"go": {"parameterType": "STRING"}}))
    inputs = arguments.resolve(pipeline.root, Given(texts={"go": str(go)}))
    state, artifacts = MemoryState(), local_artifacts(tmp_path)

    async def run(signals: Signals, home: Path) -> RunResult:
        store = MemoryStore(state)  # to the other one what another process would be
        async with Cache(store, artifacts) as cache:
            engine = Engine(cache, store, home)
            return await engine.run(pipeline, inputs, source="test", options=Options(), listener=signals)

    first, second = Signals(), Signals()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        executing = group.create_task(run(first, tmp_path / "first"))
        await first.runs.wait()
        waiting = group.create_task(run(second, tmp_path / "second"))
        await second.waits.wait()
        go.touch()
    (executed,), (waited,) = executing.result().tasks, waiting.result().tasks
    assert (executed.state, executed.result) == ("FAILED", "miss")
    assert (waited.state, waited.result) == ("FAILED", "shared")
    assert (waited.error, waited.log) == (executed.error, executed.log)
    assert "exit code 7" in waited.error
