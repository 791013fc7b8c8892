"""Steps and runs that take longer than the pipeline gives them (``activeDeadlineSeconds``)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from stepcache.cache.cache import Cache
from stepcache.errors import StoreUnavailableError
from stepcache.pipelines import arguments, loading
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.root_inputs import Given
from stepcache.stores.memory import MemoryStore
from stepcache.stores.opening import FullStore
from tests.cache.caches import counts, local_artifacts, watched
from tests.pipelines.compiled import Step, pipeline_input, write
from tests.pipelines.running import once, results, run, states

DATA = Path(__file__).parents[1] / "data" / "platform"
TOO_LONG = "the step took longer than 1 s, the time that the pipeline gives it, and was stopped"
LEASE = 1.5

REST = """
def rest(trace: str) -> str:
    import time
    with open(trace, "a") as file:
        file.write("began\\n")
    if open(trace).read().count("began") == 1:
        time.sleep(60)
    return "rested"
"""
POLITE = """
def polite(trace: str) -> str:
    import signal, sys, time
    def end(*_):
        with open(trace, "a") as file:
            file.write("told to end\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    with open(trace, "a") as file:
        file.write("began\\n")
    time.sleep(60)
"""
STUBBORN = """
def stubborn(trace: str) -> str:
    import os, signal, time
    if os.path.exists(trace):
        return "again"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with open(trace, "w") as file:
            file.write(str(time.monotonic()))
        time.sleep(0.01)
"""


def limited(path: Path, *steps: Step, limit: int = 1, **task: Any) -> Pipeline:
    """A pipeline of these steps, each with the limit, and with these fields of tasks."""
    write(path, *steps, inputs={"trace": {"parameterType": "STRING"}})
    document = yaml.safe_load(path.read_text())
    for one in document["root"]["dag"]["tasks"].values():
        one.update(task)
    executors = {f"exec-{step.name}": {"activeDeadlineSeconds": str(limit)} for step in steps}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    path.write_text(yaml.safe_dump_all([document, platform]))
    return loading.load(path)


def step(code: str, name: str = "", **given: Any) -> Step:
    """The step of this code."""
    name = name or code.split("(", maxsplit=1)[0].rsplit(maxsplit=1)[-1]
    trace = {"trace": pipeline_input("STRING", "trace")}
    return Step(name, code, parameters=trace, outputs={"Output": "STRING"}, **given)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def test_a_step_that_takes_too_long_is_stopped_and_fails(home: Path) -> None:
    pipeline = loading.load(DATA / "limited.yaml")
    began = time.monotonic()
    failed = run(pipeline, home)
    assert time.monotonic() - began < 50  # the step would sleep for a minute
    assert states(failed) == {"sleep": "FAILED"}
    assert failed.tasks[0].error == TOO_LONG
    assert str(failed.state) == "FAILED"
    assert results(run(pipeline, home)) == {"sleep": "miss"}  # a failure is never reused, and holds nobody up


def test_a_step_that_is_in_time_is_reused_whatever_the_limit_becomes(home: Path) -> None:
    pipeline = loading.load(DATA / "limited.yaml")
    in_time = {"seconds": "0"}
    assert run(pipeline, home, in_time).outputs.parameters == {"Output": "rested"}
    text = (DATA / "limited.yaml").read_text()
    other = loading.parse(
        text.replace("activeDeadlineSeconds: '1'", "activeDeadlineSeconds: '7'").encode(), source="p"
    )
    assert other.platforms != pipeline.platforms
    assert results(run(other, home, in_time)) == {"sleep": "hit"}


@pytest.mark.parametrize("cached", [True, False])
def test_each_attempt_has_the_whole_time(home: Path, tmp_path: Path, trace: Path, cached: bool) -> None:
    retry = {"maxRetryCount": 1}
    pipeline = limited(tmp_path / "p.yaml", step(REST, cached=cached), limit=2, retryPolicy=retry)
    result = run(pipeline, home, {"trace": str(trace)})
    assert states(result) == {"rest": "SUCCEEDED"}
    assert trace.read_text() == "began\n" * 2


def test_a_step_is_told_to_end_and_has_failed_whatever_it_says_then(
    home: Path, tmp_path: Path, trace: Path
) -> None:
    pipeline = limited(tmp_path / "p.yaml", step(POLITE))
    result = run(pipeline, home, {"trace": str(trace)}, grace=30)
    assert (states(result), result.tasks[0].error) == ({"polite": "FAILED"}, TOO_LONG)
    assert trace.read_text() == "began\ntold to end\n"


@pytest.mark.parametrize("cached", [True, False])
def test_a_step_that_does_not_end_is_killed(home: Path, tmp_path: Path, trace: Path, cached: bool) -> None:
    pipeline = limited(tmp_path / "p.yaml", step(STUBBORN, cached=cached))
    result = run(pipeline, home, {"trace": str(trace)}, grace=0.2)
    ended = time.monotonic()
    assert (states(result), result.tasks[0].error) == ({"stubborn": "FAILED"}, TOO_LONG)
    assert float(trace.read_text()) < ended


def test_who_waited_for_a_step_that_took_too_long_fails_with_it(home: Path, tmp_path: Path, trace: Path) -> None:
    pipeline = limited(tmp_path / "p.yaml", step(REST))

    async def twice() -> list[Any]:
        runs = (once(pipeline, home, {"trace": str(trace)}) for _ in range(2))
        return list(await asyncio.gather(*runs))

    first, second = asyncio.run(twice())
    assert trace.read_text() == "began\n"
    assert {str(task.error) for result in (first, second) for task in result.tasks} == {TOO_LONG}
    assert {str(result.tasks[0].result) for result in (first, second)} == {"miss", "shared"}


async def test_a_lease_that_is_lost_while_a_step_is_stopped_ends_it_at_once(tmp_path: Path, trace: Path) -> None:
    """It is over before anybody else may begin, although its grace is not (protocol.md, P4)."""
    pipeline = limited(tmp_path / "p.yaml", step(STUBBORN))
    store = watched(MemoryStore())
    renewed: list[float] = []
    running: list[float] = []

    def down_once_it_is_being_stopped(operation: str) -> None:
        if operation == "renew" and counts(store).calls["claim"] == 1:
            if trace.exists():
                running.append(time.monotonic())
            if running and running[-1] - running[0] > 2:  # beyond the limit of 1 s, within the grace of 60
                raise StoreUnavailableError("down")
            renewed.append(time.monotonic())

    counts(store).before = down_once_it_is_being_stopped
    async with Cache(store, local_artifacts(tmp_path), lease=LEASE) as cache:
        engine = Engine(cache, cast("FullStore", store), tmp_path / "home")
        result = await engine.run(
            pipeline,
            arguments.resolve(pipeline.root, Given(texts={"trace": str(trace)})),
            source="test",
            options=Options(grace=60),
        )
    assert result.state == "SUCCEEDED"  # the second execution, which ends at once
    assert counts(store).calls["claim"] == 2
    assert float(trace.read_text()) < renewed[-1] + LEASE + 5


def test_a_run_that_takes_too_long_is_stopped_and_fails(home: Path) -> None:
    pipeline = loading.load(DATA / "deadline.yaml")
    began = time.monotonic()
    result = run(pipeline, home)
    assert time.monotonic() - began < 50
    assert str(result.state) == "FAILED"
    assert result.error == "the run took longer than 1 s, the time that the pipeline gives it, and was stopped"
    assert states(result) == {"sleep": "CANCELED", "sleep-2": "CANCELED"}


def test_a_run_goes_on_from_where_its_time_was_over(home: Path, tmp_path: Path, trace: Path) -> None:
    first = Step("first", 'def first() -> str:\n    return "done"', outputs={"Output": "STRING"})
    path = tmp_path / "p.yaml"
    limited(path, first, step(REST, after=("first",)), limit=600)
    document, platform = yaml.safe_load_all(path.read_text())
    platform["platforms"]["kubernetes"]["pipelineConfig"] = {"activeDeadlineSeconds": 8}
    path.write_text(yaml.safe_dump_all([document, platform]))
    pipeline = loading.load(path)
    stopped = run(pipeline, home, {"trace": str(trace)})
    assert states(stopped) == {"first": "SUCCEEDED", "rest": "CANCELED"}
    again = run(pipeline, home, {"trace": str(trace)})
    assert (str(again.state), results(again)) == ("SUCCEEDED", {"first": "hit", "rest": "miss"})
