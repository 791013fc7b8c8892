"""Steps and runs that take longer than the pipeline gives them (``activeDeadlineSeconds``)."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast

import pytest

from stepcache.cache.cache import Cache
from stepcache.errors import StoreUnavailableError
from stepcache.pipelines import arguments, loading
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import Given
from stepcache.stores.memory import MemoryStore
from stepcache.stores.opening import FullStore
from tests.cache.caches import counts, local_artifacts, watched
from tests.pipelines.running import once, results, run, states

DATA = Path(__file__).parents[1] / "data" / "platform"
TOO_LONG = "the step took longer than 1 s, the time that the pipeline gives it, and was stopped"
LEASE = 1.5

REST = 'echo began >> "$0"; if [ "$(wc -l < "$0")" = 1 ]; then sleep 60; fi; printf rested > "$1"'
POLITE = (
    'trap \'sleep 0.5; echo told to end >> "$0"; exit 0\' TERM; echo began >> "$0"; while true; do sleep 0.05; done'
)
STUBBORN = """
if [ -e "$0" ]; then printf again > "$1"; exit 0; fi
trap '' TERM
while true; do echo on >> "$0"; sleep 0.05; done
"""


def limited(path: Path, trace: Path, *scripts: str, limit: int = 1, deadline: int = 0, **task: Any) -> Pipeline:
    """A pipeline of these shell scripts, one after the other, each with the limit; what starts at once is in time.

    ``$0`` is ``trace``, ``$1`` the output. ``deadline`` is the run's limit; ``task`` are more fields of tasks.
    """
    steps = {f"step-{number}": script for number, script in enumerate(scripts)}
    output = "{{$.outputs.parameters['Output'].output_file}}"
    spec = {
        "pipelineInfo": {"name": "limited"},
        "schemaVersion": "2.1.0",
        "components": {
            f"comp-{name}": {
                "executorLabel": name,
                "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}},
            }
            for name in steps
        },
        "deploymentSpec": {
            "executors": {
                name: {
                    "container": {
                        "image": "busybox",
                        "command": ["sh", "-ec", script],
                        "args": [str(trace), output],
                    }
                }
                for name, script in steps.items()
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    name: {
                        "taskInfo": {"name": name},
                        "componentRef": {"name": f"comp-{name}"},
                        "cachingOptions": {"enableCache": True},
                        "dependentTasks": list(steps)[:number],
                        **task,
                    }
                    for number, name in enumerate(steps)
                }
            }
        },
    }
    kubernetes = {
        "deploymentSpec": {"executors": {name: {"activeDeadlineSeconds": str(limit)} for name in steps}},
        "pipelineConfig": {"activeDeadlineSeconds": deadline},
    }
    path.write_text(f"{json.dumps(spec)}\n---\n{json.dumps({'platforms': {'kubernetes': kubernetes}})}")
    return loading.load(path)


def execute(pipeline: Pipeline, home: Path, **options: Any) -> RunResult:
    """Run it, its commands without their image."""
    return run(pipeline, home, host_commands=True, **options)


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
    text = (DATA / "limited.yaml").read_text()
    first, second = (
        loading.parse(
            text.replace("activeDeadlineSeconds: '1'", f"activeDeadlineSeconds: '{limit}'").encode(), source="p"
        )
        for limit in (600, 700)
    )
    assert first.platforms != second.platforms
    assert run(first, home, {"seconds": "0"}).outputs.parameters == {"Output": "rested"}
    assert results(run(second, home, {"seconds": "0"})) == {"sleep": "hit"}


CACHING = pytest.mark.parametrize("caching", [{"enableCache": True}, {}], ids=["cached", "uncached"])


@CACHING
def test_each_attempt_has_the_whole_time(home: Path, trace: Path, caching: dict[str, bool]) -> None:
    retry = {"maxRetryCount": 1}
    pipeline = limited(home.with_name("p.yaml"), trace, REST, cachingOptions=caching, retryPolicy=retry)
    assert states(execute(pipeline, home)) == {"step-0": "SUCCEEDED"}
    assert trace.read_text() == "began\n" * 2


def test_a_step_is_told_to_end_and_has_failed_whatever_it_says_then(home: Path, trace: Path) -> None:
    result = execute(limited(home.with_name("p.yaml"), trace, POLITE), home, grace=30)
    assert (states(result), result.tasks[0].error) == ({"step-0": "FAILED"}, TOO_LONG)
    assert trace.read_text() == "began\ntold to end\n"


@CACHING
def test_a_step_that_does_not_end_is_killed(home: Path, trace: Path, caching: dict[str, bool]) -> None:
    pipeline = limited(home.with_name("p.yaml"), trace, STUBBORN, cachingOptions=caching)
    result = execute(pipeline, home, grace=0.2)
    assert (states(result), result.tasks[0].error) == ({"step-0": "FAILED"}, TOO_LONG)
    written = trace.read_text()
    assert states(execute(pipeline, home)) == {"step-0": "SUCCEEDED"}  # nothing is left that would still write
    assert trace.read_text() == written


def test_who_waited_for_a_step_that_took_too_long_fails_with_it(home: Path, trace: Path) -> None:
    pipeline = limited(home.with_name("p.yaml"), trace, REST)

    async def twice() -> list[RunResult]:
        return list(await asyncio.gather(*(once(pipeline, home, host_commands=True) for _ in range(2))))

    both = asyncio.run(twice())
    assert trace.read_text() == "began\n"
    assert [result.tasks[0].error for result in both] == [TOO_LONG] * 2
    assert {str(result.tasks[0].result) for result in both} == {"miss", "shared"}


async def test_a_lease_that_is_lost_while_a_step_is_stopped_ends_it_at_once(tmp_path: Path, trace: Path) -> None:
    """It is over before anybody else may begin, although its grace is not (protocol.md, P4)."""
    pipeline = limited(tmp_path / "p.yaml", trace, STUBBORN)
    store = watched(MemoryStore())
    renewed: list[float] = []
    running: list[float] = []

    def down_once_it_is_being_stopped(operation: str) -> None:
        if operation == "renew" and counts(store).calls["claim"] == 1:
            if trace.exists():
                running.append(time.monotonic())
            if running and running[-1] - running[0] > 2:  # beyond the limit of 1 s, within the grace of 60
                raise StoreUnavailableError("down")
            renewed.append(time.time())

    counts(store).before = down_once_it_is_being_stopped
    async with Cache(store, local_artifacts(tmp_path), lease=LEASE) as cache:
        engine = Engine(cache, cast("FullStore", store), tmp_path / "home")
        result = await engine.run(
            pipeline,
            arguments.resolve(pipeline.root, Given()),
            source="test",
            options=Options(grace=60, host_commands=True),
        )
    assert result.state == "SUCCEEDED"  # the second execution, which ends at once
    assert counts(store).calls["claim"] == 2
    assert trace.stat().st_mtime < renewed[-1] + LEASE + 5  # a busy machine is late, but not by a minute


def test_a_run_that_takes_too_long_is_stopped_and_fails(home: Path) -> None:
    pipeline = loading.load(DATA / "deadline.yaml")
    began = time.monotonic()
    result = run(pipeline, home)
    assert time.monotonic() - began < 50
    assert str(result.state) == "FAILED"
    assert result.error == "the run took longer than 1 s, the time that the pipeline gives it, and was stopped"
    assert states(result) == {"sleep": "CANCELED", "sleep-2": "CANCELED"}


def test_a_run_goes_on_from_where_its_time_was_over(home: Path, trace: Path) -> None:
    first = 'printf done > "$1"'
    pipeline = limited(home.with_name("p.yaml"), trace, first, REST, limit=600, deadline=3)
    stopped = execute(pipeline, home)
    assert (str(stopped.state), states(stopped)) == ("FAILED", {"step-0": "SUCCEEDED", "step-1": "CANCELED"})
    again = execute(pipeline, home)
    assert (str(again.state), results(again)) == ("SUCCEEDED", {"step-0": "hit", "step-1": "miss"})
