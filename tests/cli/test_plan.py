"""``stepcache plan`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import call, document, results
from tests.pipelines.nested import chain
from tests.pipelines.planned import files


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    trace = tmp_path / "trace"
    trace.touch()
    return chain(tmp_path / "chain.yaml", trace)


def plan(home: Path, *arguments: str | Path) -> dict[str, Any]:
    ended = call(home, "plan", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_plan_agrees_with_the_run_that_follows(pipeline: Path, home: Path) -> None:
    first = plan(home, pipeline)
    assert not home.exists()
    assert first["summary"] == {
        "reused": 0,
        "to_execute": 1,
        "unknown": 2,
        "skipped": 0,
        "seconds_saved": 0,
        "seconds_to_execute": 0,
    }
    assert call(home, "run", pipeline).returncode == 0
    before = files(home)
    second = plan(home, pipeline)
    assert files(home) == before
    ran = call(home, "run", pipeline, "--json")
    assert {task["name"]: task["result"] for task in second["tasks"]} == results(ran)
    keys = {task["name"]: task["cache"]["key"] for task in document(ran)["tasks"]}
    assert {task["name"]: task["key"] for task in second["tasks"]} == keys
    assert second["tasks"][0]["tasks"] == document(ran)["tasks"][0]["cache"]["tasks"] == 3
    assert second["summary"]["seconds_saved"] > 0


def test_a_plan_takes_the_options_of_a_run(pipeline: Path, home: Path) -> None:
    assert call(home, "run", pipeline).returncode == 0
    found = plan(home, pipeline, "--refresh", "add-1", "--max-parallel", "2")
    assert {task["name"]: (task["result"], task["reason"]) for task in found["tasks"]} == {
        "inner": ("none", None),
        "inner/add-0": ("hit", None),
        "inner/add-1": ("miss", "refreshed"),
        "inner/add-2": ("unknown", "inputs"),
    }
    assert [task["waits_for"] for task in found["tasks"]] == [[], [], [], ["inner/add-1"]]
    assert {task["result"] for task in plan(home, pipeline, "--no-cache")["tasks"]} == {"none", "off"}
    assert {task["result"] for task in plan(home, pipeline, "-p", "start=9")["tasks"]} == {
        "none",
        "miss",
        "unknown",
    }


def test_people_read_lines(pipeline: Path, home: Path) -> None:
    told = call(home, "plan", pipeline).stdout
    assert "+   add-0  executed: first seen" in told
    assert "?   add-1  unknown until inner/add-0 has run" in told
    assert told.splitlines()[-1] == "0 reused, 1 to execute, 2 unknown"
    call(home, "run", pipeline)
    told = call(home, "plan", pipeline).stdout
    assert "= inner  reused as a whole: 3 tasks, saving" in told
    assert "add-0" not in told
    assert told.splitlines()[-1].startswith("3 reused (saving ")
    assert "skipped: its condition does not hold" not in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("-p", "start=x"), "start"), (("-p", "strat=1"), "start"), (("--policy", "x"), "x")],
)
def test_bad_input_is_refused_as_by_a_run(pipeline: Path, home: Path, arguments: list[str], sentence: str) -> None:
    ended = call(home, "plan", pipeline, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert not home.exists()


def test_a_store_that_cannot_be_read_is_no_miss(pipeline: Path, home: Path) -> None:
    assert call(home, "run", pipeline).returncode == 0
    (home / "stepcache.db").write_text("no database " * 500)
    ended = call(home, "plan", pipeline)
    assert (ended.returncode, ended.stdout) == (3, "")
