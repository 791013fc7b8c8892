"""``stepcache runs``, ``show`` and ``logs`` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import call, document, start, until
from tests.pipelines.compiled import Step, constant, output_of, write

FAILS = """
def fails(text: str) -> str:
    print("about to fail")
    raise ValueError("this is why")
"""
WAITS = """
def waits(begun: str) -> str:
    import time
    open(begun, "w").close()
    time.sleep(600)  # it is killed
"""
MAKES = """
def makes(text: str, data: dsl.Output[dsl.Dataset]) -> str:
    print("makes", text)
    with open(data.path, "w") as file:
        file.write("1234")
    return text
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    return write(
        tmp_path / "failing.yaml",
        Step("makes", MAKES, {"text": constant("STRING", "[red]text")}, {}, {"Output": "STRING"}, ("data",)),
        Step("fails", FAILS, {"text": output_of("STRING", "makes")}, {}, {"Output": "STRING"}),
        Step("after", FAILS.replace("fails", "after"), {"text": output_of("STRING", "fails")}),
    )


def run(home: Path, pipeline: Path, *arguments: str) -> str:
    """The ID of a run."""
    found: str = document(call(home, "run", pipeline, "--json", *arguments))["run_id"]
    return found


def found(home: Path, *arguments: str) -> Any:
    ended = call(home, *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def refused(home: Path, *arguments: str) -> str:
    ended = call(home, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def test_runs_are_listed_with_what_became_of_them(home: Path, nested: Path, failing: Path) -> None:
    runs = [run(home, nested), run(home, nested), run(home, failing)]
    listed = found(home, "runs")
    assert [one["run_id"] for one in listed] == runs[::-1]
    counts = ("executed", "reused", "shared", "failed")
    assert [[one[name] for name in counts] for one in listed] == [[1, 0, 0, 1], [0, 3, 0, 0], [3, 0, 0, 0]]
    assert [one["state"] for one in listed] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert listed[1]["saved_seconds"] > 0 == listed[2]["saved_seconds"]
    assert listed[0]["error"]
    assert all(one["duration_seconds"] > 0 and not one["killed"] for one in listed)
    assert [one["run_id"] for one in found(home, "runs", "--pipeline", "chain", "--limit", "1")] == [runs[1]]
    assert [one["run_id"] for one in found(home, "runs", "--state", "failed")] == [runs[2]]
    table = call(home, "runs").stdout.splitlines()
    assert table[0].split() == ["run", "pipeline", "state", "when", "took", "executed", "reused", "failed", "saved"]
    assert [line.split()[:3] for line in table[1:]] == [
        [runs[2][:8], "failing", "failed"],
        [runs[1][:8], "chain", "succeeded"],
        [runs[0][:8], "chain", "succeeded"],
    ]


@pytest.mark.parametrize("command", ["runs", "entries ls"])
def test_where_nothing_was_done_nothing_is_listed_or_made(home: Path, command: str) -> None:
    assert found(home, *command.split()) == []
    assert "no " in call(home, *command.split()).stdout
    assert not home.exists()


def test_a_run_is_shown_as_a_tree(home: Path, nested: Path, tmp_path: Path) -> None:
    first = run(home, nested)
    told = call(home, "show", first[:6]).stdout
    assert f"run {first} of pipeline chain" in told
    assert "  start = 0" in told
    assert "add-0  executed in" in told
    assert told.endswith("3 executed, 0 reused\n")
    run(home, nested)
    told = call(home, "show", "latest", "--outputs").stdout
    assert "inner    reused as a whole: 3 tasks, saving" in told
    assert "result = 3" in told
    assert "Output = 1" in told
    shown = found(home, "show", "latest")
    assert [task["name"] for task in shown["tasks"]] == ["inner", "inner/add-0", "inner/add-1", "inner/add-2"]
    assert [task["result"] for task in shown["tasks"]] == ["hit"] * 4
    assert shown["tasks"][0]["tasks"] == 3
    assert shown["tasks"][1]["outputs"]["parameters"] == {"Output": 1}
    assert shown["parameters"] == {"start": 0}
    assert shown["outputs"]["parameters"] == {"result": 3}
    assert shown["rerun_of"] is None


def test_a_failed_run_is_shown_with_its_errors(home: Path, failing: Path) -> None:
    run(home, failing)
    told = call(home, "show", "latest", "--outputs").stdout
    assert "✗  fails  failed: " in told
    assert "-  after  " in told
    assert "[red]text" in told
    assert "data: " in told
    assert "4 bytes" in told
    shown = found(home, "show", "latest")
    tasks = {task["name"]: task for task in shown["tasks"]}
    assert (tasks["fails"]["state"], tasks["after"]["state"]) == ("FAILED", "SKIPPED")
    assert shown["error"] in told
    assert shown["failed"] == 1


def test_the_log_of_a_task_is_that_of_its_execution(home: Path, failing: Path, tmp_path: Path) -> None:
    first, second = run(home, failing), run(home, failing)
    executed = call(home, "logs", first, "makes")
    assert "makes [red]text" in executed.stdout
    assert executed.stderr == ""
    reused = call(home, "logs", second, "makes")
    assert reused.stdout == executed.stdout
    assert reused.stderr.startswith(f"makes was reused from run {first}, task makes, executed 20")
    assert "about to fail" in call(home, "logs", "latest", "fails").stdout
    told = found(home, "logs", second, "makes")
    assert (told["executed"]["run_id"], told["executed"]["task"]) == (first, "makes")
    assert told["text"] == executed.stdout
    assert found(home, "logs", first, "makes")["executed"] is None


def test_the_log_of_a_task_in_a_pipeline_reused_as_a_whole(home: Path, nested: Path) -> None:
    first = run(home, nested)
    second = run(home, nested)
    reused = call(home, "logs", second, "add-1")
    assert f"inner/add-1 was reused from run {first}, task inner/add-1" in reused.stderr
    assert "add_1" in reused.stdout


def test_a_log_that_is_not_there_is_an_error(home: Path, failing: Path, tmp_path: Path) -> None:
    first = run(home, failing)
    second = run(home, failing)
    assert "was skipped" in refused(home, "logs", second, "after")
    (home / "runs" / first).rename(tmp_path / "elsewhere")
    told = refused(home, "logs", second, "makes")
    assert f"reused from run {first}" in told
    assert "--home" in told


def test_what_names_no_run_is_an_error(home: Path, nested: Path) -> None:
    assert "there is no run yet" in refused(home, "show", "latest")
    run(home, nested)
    assert "too short" in refused(home, "show", "123")
    assert "there is no run '%%%%'" in refused(home, "show", "%%%%")
    assert "too short" in refused(home, "show", "")


def test_what_names_no_task_is_an_error(home: Path, nested: Path) -> None:
    run(home, nested)
    assert "did you mean 'add-2'" in refused(home, "logs", "latest", "add2")
    assert "it has: inner, inner/add-0" in refused(home, "logs", "latest", "x")
    assert "nested pipeline" in refused(home, "logs", "latest", "inner")


def test_a_store_that_cannot_be_read_is_told(home: Path, nested: Path) -> None:
    run(home, nested)
    (home / "stepcache.db").write_text("no database " * 500)
    for arguments in (
        ["runs"],
        ["show", "latest"],
        ["logs", "latest", "add-1"],
        ["rerun", "latest"],
        ["entries", "ls"],
    ):
        ended = call(home, *arguments)
        assert (ended.returncode, ended.stdout) == (3, ""), arguments


def test_a_run_whose_engine_was_killed_says_so(home: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    pipeline = write(tmp_path / "waits.yaml", Step("waits", WAITS, {"begun": constant("STRING", str(begun))}))
    engine = start(home, "run", pipeline)
    until(begun.exists)
    (listed,) = found(home, "runs")
    assert (listed["state"], listed["killed"], listed["finished_at"]) == ("RUNNING", False, None)
    assert "running, has not ended" in call(home, "show", "latest").stdout
    engine.kill()
    engine.communicate()
    (listed,) = found(home, "runs")
    assert (listed["state"], listed["killed"]) == ("RUNNING", True)
    assert " killed " in call(home, "runs").stdout


def test_every_field_is_described(home: Path, nested: Path) -> None:
    run(home, nested)
    text = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()
    shown = found(home, "show", "latest")
    fields = {*found(home, "runs")[0], *shown, *shown["tasks"][0], *found(home, "logs", "latest", "add-1")}
    assert [name for name in fields if f"`{name}`" not in text] == []
