"""``stepcache diff`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import call, document
from tests.pipelines.compiled import Step, constant, output_of, pipeline_input, write

ADD = "def add(n: int) -> int:\n    return n + 1"
SHOW = "def show(n: int) -> str:\n    return f'total {n}'"
MAKE = """
def make(data: dsl.Output[dsl.Artifact], n: int):
    with open(data.path, "w") as file:
        file.write(str(n))
"""
READ = """
def read(data: dsl.Input[dsl.Artifact]) -> str:
    with open(data.path) as file:
        return file.read()
"""
SLOW = """
def slow(flag: str) -> str:
    import os
    import time
    if os.path.exists(flag):
        time.sleep(3)
    return "same"
"""
DRAW = "def draw() -> str:\n    import secrets\n    return secrets.token_hex(8)"
N = {"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1, "isOptional": True}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def ran(home: Path, pipeline: Path, *arguments: str) -> str:
    """Run the pipeline; the id of the run."""
    ended = call(home, "run", pipeline, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return str(document(ended)["run_id"])


def difference(home: Path, old: str, new: str) -> dict[str, Any]:
    ended = call(home, "diff", old, new, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def told(home: Path, old: str, new: str) -> list[str]:
    ended = call(home, "diff", old, new)
    assert (ended.returncode, ended.stderr) == (0, "")
    return [line.strip("│├└─ ") for line in ended.stdout.splitlines()]


def sums(path: Path, *more: Step) -> Path:
    steps = (
        Step("add", ADD, {"n": pipeline_input("NUMBER_INTEGER", "n")}, outputs={"Output": "NUMBER_INTEGER"}),
        Step("show", SHOW, {"n": output_of("NUMBER_INTEGER", "add")}, outputs={"Output": "STRING"}),
    )
    return write(path, *steps, *more, inputs=N)


def test_parameters_parts_outputs_and_results_are_compared(home: Path, tmp_path: Path) -> None:
    pipeline = sums(tmp_path / "sums.yaml")
    first, second = ran(home, pipeline), ran(home, pipeline, "-p", "n=2")
    found = difference(home, first[:8], second[:8])
    assert (found["old"]["run_id"], found["new"]["run_id"]) == (first, second)
    assert found["parameters"] == [{"part": "parameter", "name": "n", "old": 1, "new": 2}]
    add, show = found["tasks"]
    assert add["name"] == "add"
    assert set(add["differs_in"]) - {"duration"} == {"parts", "outputs"}  # a busy machine may be slow
    assert add["differences"] == [{"part": "parameter", "name": "n", "old": 1, "new": 2, "from": {"run": "n"}}]
    assert add["outputs"] == [{"output": "Output", "old": 2, "new": 3}]
    assert show["because_of"] == [{"task": "add", "output": "Output"}]
    assert not show["nondeterministic"]
    lines = told(home, first, second)
    assert lines[0] == f"{first[:8]} → {second[:8]}: 1 parameter, 2 tasks differ; 0 the same"
    assert "the run's parameter n: 1 → 2" in lines
    assert "because add's output Output changed" in lines
    assert "output Output: total 2 → total 3" in lines


def test_what_is_the_same_differs_by_its_result_at_most(home: Path, tmp_path: Path) -> None:
    pipeline = sums(tmp_path / "sums.yaml")
    first, second, third = (ran(home, pipeline) for _ in range(3))
    found = difference(home, first, second)
    assert [task["differs_in"] for task in found["tasks"]] == [["result"], ["result"]]
    assert found["tasks"][0]["result"] == {"old": "miss", "new": "hit"}
    assert difference(home, second, third)["tasks"] == []
    assert told(home, second, "latest") == [f"{second[:8]} → {third[:8]}: the same in all of 2 tasks"]


def test_tasks_of_one_run_only_are_named(home: Path, tmp_path: Path) -> None:
    first = ran(home, sums(tmp_path / "one.yaml", Step("gone", DRAW.replace("draw", "gone"))))
    second = ran(home, sums(tmp_path / "two.yaml", Step("come", DRAW.replace("draw", "come"))))
    found = difference(home, first, second)
    assert (found["only_in_old"], found["only_in_new"]) == (["gone"], ["come"])
    lines = told(home, first, second)
    assert "only in the first: gone" in lines
    assert "only in the second: come" in lines
    assert "pipeline: one → two" in lines


def test_the_maker_of_an_input_is_known_for_reused_tasks_too(home: Path, tmp_path: Path) -> None:
    pipeline = write(
        tmp_path / "files.yaml",
        Step("make", MAKE, {"n": pipeline_input("NUMBER_INTEGER", "n")}, output_artifacts=("data",)),
        Step("read", READ, artifacts={"data": ("make", "data")}, outputs={"Output": "STRING"}),
        inputs=N,
    )
    ran(home, pipeline)
    first, second = ran(home, pipeline, "-p", "n=2"), ran(home, pipeline)
    read = difference(home, first, second)["tasks"][1]
    assert (read["result"]["new"], read["because_of"]) == ("hit", [{"task": "make", "output": "data"}])


def test_the_same_execution_with_other_outputs_is_non_deterministic(home: Path, tmp_path: Path) -> None:
    pipeline = write(tmp_path / "draws.yaml", Step("draw", DRAW, outputs={"Output": "STRING"}))
    first, second = ran(home, pipeline), ran(home, pipeline, "--refresh")
    (draw,) = difference(home, first, second)["tasks"]
    assert "outputs" in draw["differs_in"]
    assert draw["nondeterministic"]
    assert "non-deterministic: the same execution left another Output" in told(home, first, second)


def test_a_duration_differs_when_people_would_notice(home: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    step = Step("slow", SLOW, {"flag": constant("STRING", str(flag))}, outputs={"Output": "STRING"})
    pipeline = write(tmp_path / "slow.yaml", step)
    ran(home, pipeline)
    first = ran(home, pipeline, "--refresh")
    flag.touch()
    second = ran(home, pipeline, "--refresh")
    (slow,) = difference(home, first, second)["tasks"]
    assert slow["differs_in"] == ["duration"]
    assert slow["duration_seconds"]["new"] - slow["duration_seconds"]["old"] > 1
    assert any(line.startswith("duration: ") for line in told(home, first, second))


@pytest.mark.parametrize("arguments", [("nothing", "latest"), ("latest", "nothing")])
def test_a_run_that_is_not_there_is_bad_input(home: Path, tmp_path: Path, arguments: tuple[str, str]) -> None:
    ran(home, sums(tmp_path / "sums.yaml"))
    ended = call(home, "diff", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no run 'nothing'" in ended.stderr
