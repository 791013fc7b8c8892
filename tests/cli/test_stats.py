"""``stepcache stats`` as a user calls it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stepcache.cli.statistics_tables import size
from tests.cli.running import call
from tests.pipelines.compiled import Step, constant, write
from tests.pipelines.nested import chain

MAKE = """
def make(name: str, data: dsl.Output[dsl.Artifact]):
    with open(data.path, "w") as file:
        file.write("x" * 1000)
"""
TUESDAY = 1_700_524_800.0  # 2023-11-21
DAY = 86400.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """Two tasks that leave the same bytes."""
    steps = [
        Step(
            name,
            MAKE.replace("def make", f"def {name}"),
            {"name": constant("STRING", name)},
            output_artifacts=("data",),
        )
        for name in ("one", "two")
    ]
    return write(tmp_path / "makes.yaml", *steps)


def run(home: Path, *arguments: str | Path) -> None:
    ended = call(home, "run", *arguments)
    assert ended.returncode == 0, ended.stderr


def counted(home: Path, *arguments: str) -> dict[str, Any]:
    ended = call(home, "stats", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def told(home: Path, *arguments: str) -> list[str]:
    ended = call(home, "stats", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def numbers(tally: dict[str, Any]) -> tuple[int, ...]:
    return tuple(tally[name] for name in ("hits", "shared", "misses", "caching_off"))


def test_what_was_reused_and_executed_is_counted(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    run(home, pipeline)
    run(home, pipeline, "--refresh", "one")
    run(home, pipeline, "--no-cache")
    found = counted(home)
    assert numbers(found["tasks"]) == (3, 0, 3, 2)
    assert found["executed_by_reason"] == {
        "first_seen": 2,
        "changed": 0,
        "stale": 0,
        "output_missing": 0,
        "output_altered": 0,
        "caching_off": 2,
        "refreshed": 1,
        "store_unavailable": 0,
    }
    assert found["entries"] == {"entries": 2, "keys": 2, "duplicates": 0, "nested_pipelines": 0, "hits": 3}
    assert found["bytes"] == {"artifacts": 1, "kept": 1000, "saved_by_sharing": 1000}
    assert found["tasks"]["seconds_saved"] > 0
    assert found["tasks"]["seconds_executed"] > 0
    (of_pipeline,), (day,) = found["by_pipeline"], found["by_day"]
    assert of_pipeline == {"pipeline": "makes", **found["tasks"]}
    assert {**day, "began": ""} == {"began": "", **found["tasks"]}
    assert found["never_reused"] == []
    lines = told(home)
    assert lines[0].startswith("3 of 8 tasks reused (38%), ")
    assert "2 for 2 keys, 0 duplicates" in "\n".join(lines)
    assert "artifacts  1, 1.0 kB kept, 1.0 kB saved by sharing" in "\n".join(lines)


def test_what_was_never_reused_is_named(pipeline: Path, home: Path) -> None:
    run(home, pipeline)
    run(home, pipeline, "--refresh", "two")
    (two,) = counted(home)["never_reused"]
    assert (two["pipeline"], two["component"], two["executions"]) == ("makes", "comp-two", 2)
    assert any(line.startswith("two ") for line in told(home))


def test_a_nested_pipeline_that_is_reused_as_a_whole_counts_by_its_tasks(home: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    pipeline = chain(tmp_path / "chain.yaml", trace)
    run(home, pipeline)
    executed = counted(home)["tasks"]["seconds_executed"]
    run(home, pipeline)
    found = counted(home)
    assert numbers(found["tasks"]) == (3, 0, 3, 0)
    assert found["entries"]["nested_pipelines"] == 1
    assert 0 < found["tasks"]["seconds_saved"] <= executed + 0.01


def test_a_pipeline_may_be_chosen(pipeline: Path, home: Path, tmp_path: Path) -> None:
    run(home, pipeline)
    other = write(
        tmp_path / "other.yaml", Step("work", "def work() -> str:\n    return 'x'", outputs={"Output": "STRING"})
    )
    run(home, other)
    run(home, other)
    assert [(one["pipeline"], numbers(one)) for one in counted(home)["by_pipeline"]] == [
        ("makes", (0, 0, 2, 0)),
        ("other", (1, 0, 1, 0)),
    ]
    found = counted(home, "--pipeline", "other")
    assert (numbers(found["tasks"]), found["entries"]["entries"]) == ((1, 0, 1, 0), 1)
    assert told(home, "--pipeline", "other")[0].startswith("1 of 2 tasks of other reused (50%)")
    assert told(home, "--pipeline", "nothing")[0] == "no task of nothing has come to the cache yet"


def test_time_is_divided_in_days_or_weeks(pipeline: Path, home: Path) -> None:
    for _ in range(3):
        run(home, pipeline)
    with closing(sqlite3.connect(home / "stepcache.db")) as store, store:
        rows = store.execute("SELECT run_id FROM runs ORDER BY created_at").fetchall()
        for (run_id,), day in zip(rows, (0, 5.9, 6.1), strict=True):  # Tuesday, Sunday, Monday
            store.execute("UPDATE runs SET created_at = ? WHERE run_id = ?", (TUESDAY + day * DAY, run_id))
    days = [(one["began"], numbers(one)) for one in counted(home)["by_day"]]
    assert days == [("2023-11-21", (0, 0, 2, 0)), ("2023-11-26", (2, 0, 0, 0)), ("2023-11-27", (2, 0, 0, 0))]
    weeks = [(one["began"], numbers(one)) for one in counted(home, "--by", "week")["by_week"]]
    assert weeks == [("2023-11-20", (2, 0, 2, 0)), ("2023-11-27", (2, 0, 0, 0))]
    recent = counted(home, "--since", "P1D")
    assert (numbers(recent["tasks"]), recent["by_day"]) == ((0, 0, 0, 0), [])
    assert recent["since"] is not None
    assert told(home, "--since", "P1D")[0] == "no task since then"


def test_nothing_is_counted_before_the_first_run(home: Path) -> None:
    assert numbers(counted(home)["tasks"]) == (0, 0, 0, 0)
    assert told(home)[0] == "no task has come to the cache yet"
    assert not home.exists()


@pytest.mark.parametrize("since", ["soon", "-1"])
def test_a_time_that_cannot_be_is_refused(home: Path, since: str) -> None:
    ended = call(home, "stats", f"--since={since}")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert since in ended.stderr


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (10**15, "1.0 PB"), (10**19, "10000.0 PB")],
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words
