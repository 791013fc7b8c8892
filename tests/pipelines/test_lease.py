"""A step whose claim cannot be renewed is over before anybody else may begin (protocol.md, P4); one whose claim was
revoked goes on.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import cast

from stepcache.cache.cache import Cache
from stepcache.errors import StoreUnavailableError
from stepcache.pipelines import arguments, loading
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.listener import Silence
from stepcache.pipelines.root_inputs import Given
from stepcache.pipelines.task_record import TaskRecord
from stepcache.stores.memory import MemoryStore
from stepcache.stores.opening import FullStore
from tests.cache.caches import counts, local_artifacts, until, watched
from tests.pipelines.compiled import Step, pipeline_input, write

LEASE = 1.5
STUBBORN = """
def stubborn(trace: str):
    import os, signal, time
    if os.path.exists(trace):
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with open(trace, "a") as file:
            file.write(f"{time.monotonic()}\\n")
        time.sleep(0.01)
"""

WAITING = """
def waiting(go: str) -> str:
    import os, time
    while not os.path.exists(go):
        time.sleep(0.01)
    return "done"
"""


async def test_a_step_that_ignores_term_has_ended_with_its_lease(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    step = Step("stubborn", STUBBORN, parameters={"trace": pipeline_input("STRING", "trace")})
    inputs = {"trace": {"parameterType": "STRING"}}
    pipeline = loading.load(write(tmp_path / "pipeline.yaml", step, inputs=inputs))
    store = watched(MemoryStore())
    renewed: list[float] = []
    since_it_runs = 0

    def down_once_it_runs(operation: str) -> None:
        nonlocal since_it_runs
        if operation == "renew" and counts(store).calls["claim"] == 1:
            since_it_runs += trace.exists()
            if since_it_runs > 2:  # its processes have been noted by then
                raise StoreUnavailableError("down")
            renewed.append(time.monotonic())

    counts(store).before = down_once_it_runs
    async with Cache(store, local_artifacts(tmp_path), lease=LEASE) as cache:
        engine = Engine(cache, cast("FullStore", store), tmp_path / "home")
        result = await engine.run(
            pipeline,
            arguments.resolve(pipeline.root, Given(texts={"trace": str(trace)})),
            source="test",
            options=Options(grace=30),
        )
    assert result.state == "SUCCEEDED"
    # A busy machine is late with the kill, but not by the thirty seconds that the step would have had.
    assert counts(store).calls["claim"] == 2
    assert float(trace.read_text().splitlines()[-2]) < renewed[-1] + LEASE + 5


async def test_a_step_whose_claim_was_revoked_goes_on_for_its_own_run(tmp_path: Path) -> None:
    go = tmp_path / "go"
    step = Step("waiting", WAITING, {"go": pipeline_input("STRING", "go")}, outputs={"Output": "STRING"})
    pipeline = loading.load(write(tmp_path / "pipeline.yaml", step, inputs={"go": {"parameterType": "STRING"}}))
    store, keys = watched(MemoryStore()), asyncio.Queue[str]()

    class Listener(Silence):
        def task_changed(self, task: TaskRecord) -> None:
            if task.log:
                keys.put_nowait(task.key)

    async with Cache(store, local_artifacts(tmp_path), lease=LEASE) as cache:
        running = asyncio.create_task(
            Engine(cache, cast("FullStore", store), tmp_path / "home").run(
                pipeline,
                arguments.resolve(pipeline.root, Given(texts={"go": str(go)})),
                source="test",
                options=Options(),
                listener=Listener(),
            )
        )
        key = await keys.get()
        assert (await store.invalidate(key)).claim
        renewals = counts(store).calls.get("renew", 0)
        await until(lambda: counts(store).calls.get("renew", 0) > renewals)
        go.touch()
        result = await running
        assert result.state == "SUCCEEDED"
        assert result.tasks[0].result == "miss"
        assert await store.lookup(key) is None
    assert counts(store).calls["claim"] == 1
