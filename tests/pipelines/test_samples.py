"""Every sample of kubeflow/pipelines ends as KFP would end it, and a second run executes none of its cached tasks,
as its plan said.

The runs go on at the same time, by one engine, as they would in a service.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from stepcache import api
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.planning.plan import Plan
from stepcache.pipelines.planning.planned_task import Outlook
from stepcache.pipelines.planning.planner import Planner
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.settings import Settings
from stepcache.stores.opening import FullStore
from tests.pipelines.planned import disagreements
from tests.pipelines.samples import (
    ARTIFACTS,
    HEAVY,
    MEANT_TO_FAIL,
    NEEDS,
    PARAMETERS,
    SAMPLES,
    SLOW,
    chosen,
    given,
    prepare,
)

NEVER_REUSED = {
    "component_with_task_final_status_GH-12033": set[str](),
    "local_execution_pipeline_with_exit_handler": {"record-exit"},
    "pipeline_as_exit_task": {"conditional-notification/get-run-state"},
    "pipeline_with_input_status_state": {"echo-state"},
}
"""Tasks whose inputs name the run, so that they are others in each run, under KFP too."""

RANDOM = {"flip_coin", "if_elif_else_complex", "pipeline_with_nested_conditions_yaml"}
"""Have tasks without caching that leave other values each time, so that those after them are others too."""

UNTOLD = {"loop_consume_upstream", "pipeline_with_artifact_custom_path", "pipeline_with_importer_workspace"}
"""Have cached tasks behind others that are executed each time, so that no plan can tell about them."""


@dataclass
class Runs:
    """Two runs of each sample, one after the other, and a plan before each; the first one for an empty home."""

    before: dict[str, Plan] = field(default_factory=dict)
    first: dict[str, RunResult] = field(default_factory=dict)
    between: dict[str, Plan] = field(default_factory=dict)
    second: dict[str, RunResult] = field(default_factory=dict)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    directory = tmp_path_factory.mktemp("samples")
    prepare(directory)
    return asyncio.run(_run_all(directory))


async def _run_all(directory: Path) -> Runs:
    settings, runs = Settings.resolve({}, home=directory / "home"), Runs()
    limit = asyncio.Semaphore(6)
    async with api.opened(settings) as cache:
        engine = Engine(cache, cast("FullStore", cache.store), settings.home)

        async def run(path: Path) -> None:
            async with limit:
                pipeline, inputs, options = given(path, directory)
                plan = partial(_plan, pipeline, inputs, options)
                runs.before[path.stem] = await plan(directory / "empty")
                runs.first[path.stem] = await engine.run(pipeline, inputs, source=path.name, options=options)
                runs.between[path.stem] = await plan(settings.home)
                runs.second[path.stem] = await engine.run(pipeline, inputs, source=path.name, options=options)

        await asyncio.gather(*(run(path) for path in chosen()))
    return runs


async def _plan(pipeline: Pipeline, inputs: RootInputs, options: Options, home: Path) -> Plan:
    async with api.opened_to_read(Settings.resolve({}, home=home)) as cache:
        return await Planner(cache, cast("FullStore", cache.store), home).plan(
            pipeline, inputs, source=pipeline.name, options=options
        )


every_sample = pytest.mark.parametrize("name", [path.stem for path in chosen()])


@every_sample
def test_a_sample_ends_as_kfp_would_end_it(runs: Runs, name: str) -> None:
    for result in (runs.first[name], runs.second[name]):
        expected = "FAILED" if name in MEANT_TO_FAIL or name in NEEDS else "SUCCEEDED"
        assert (str(result.state), result.error if expected == "SUCCEEDED" else "") == (expected, "")


@every_sample
def test_a_second_run_executes_no_cached_task(runs: Runs, name: str) -> None:
    succeeded = {task.name for task in runs.first[name].tasks if task.state == "SUCCEEDED"}
    executed = {task.name for task in runs.second[name].tasks if task.result == "miss" and task.name in succeeded}
    refreshed = {task.name for task in runs.second[name].tasks if task.reason == "refreshed"}  # reimport
    if name not in RANDOM:
        assert executed - refreshed == NEVER_REUSED.get(name, set())
    stored = {task.key for task in runs.first[name].tasks if task.state == "SUCCEEDED"}
    again = {task.name for task in runs.second[name].tasks if task.result == "miss" and task.key in stored}
    assert again == refreshed


@every_sample
def test_a_second_run_gives_the_same_outputs(runs: Runs, name: str) -> None:
    first, second = _outputs(runs.first[name]), _outputs(runs.second[name])
    assert {key: second[key] for key in first.keys() & second} == {key: first[key] for key in first.keys() & second}
    if name not in RANDOM:
        assert runs.first[name].outputs == runs.second[name].outputs


@every_sample
def test_a_second_run_lists_the_same_tasks(runs: Runs, name: str) -> None:
    if name not in RANDOM | MEANT_TO_FAIL | NEEDS.keys():
        told = [
            [(task.name, task.component, task.state) for task in result.tasks]
            for result in (runs.first[name], runs.second[name])
        ]
        assert sorted(told[0]) == sorted(told[1])


@every_sample
def test_a_plan_says_what_the_second_run_then_does(runs: Runs, name: str) -> None:
    assert disagreements(runs.between[name], runs.second[name]) == []
    unknown = {task.name for task in runs.between[name].tasks if task.outlook is Outlook.UNKNOWN}
    if name not in RANDOM | MEANT_TO_FAIL | NEEDS.keys() | UNTOLD:
        assert not unknown


@every_sample
def test_a_plan_before_the_first_run_promises_nothing(runs: Runs, name: str) -> None:
    reasons = {
        task.reason for task in runs.before[name].tasks if task.outlook not in (Outlook.UNKNOWN, Outlook.OFF)
    }
    assert reasons <= {"", "first_seen", "refreshed"}
    assert Outlook.HIT not in {task.outlook for task in runs.before[name].tasks}


def _outputs(result: RunResult) -> dict[str, str]:
    """What each key led to, artifacts by their digests."""
    return {
        task.key: json.dumps(task.outputs.to_document(), sort_keys=True)
        for task in result.tasks
        if task.key and task.outputs is not None
    }


def test_every_exception_is_there() -> None:
    names = {path.stem for path in SAMPLES.glob("*.yaml")}
    assert names >= MEANT_TO_FAIL | NEEDS.keys() | HEAVY | SLOW | PARAMETERS.keys() | ARTIFACTS.keys()
