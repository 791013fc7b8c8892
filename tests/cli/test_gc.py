"""``stepcache gc`` as a user calls it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepcache.cli import gc as gc_command
from tests.cli.collected import entries, execute, files, let_pass, objects, pipeline, referenced
from tests.cli.running import call, document, reasons, results
from tests.pipelines.nested import chain

NOTHING = {"artifacts": 0, "bytes": 0}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline(tmp_path_factory.mktemp("compiled") / "both.yaml")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Path:
    """A home in which the pipeline ran."""
    home = tmp_path_factory.mktemp("filled") / "home"
    assert call(home, "run", compiled).returncode == 0
    return home


@pytest.fixture
def home(tmp_path: Path, filled: Path) -> Path:
    """A copy of it; its store knows the artifacts by their place."""
    copy = tmp_path / "home"
    subprocess.run(["cp", "-a", filled, copy], check=True)
    execute(copy, "UPDATE settings SET value = replace(value, ?, ?)", filled.as_uri(), copy.as_uri())
    return copy


def gc(home: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    ended = call(home, "gc", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (code, ""), ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def told(home: Path, *arguments: str | Path, code: int = 0) -> list[str]:
    ended = call(home, "gc", *arguments)
    assert (ended.returncode, ended.stderr) == (code, ""), ended.stderr
    return ended.stdout.splitlines()


def test_what_was_not_used_for_long_goes(home: Path, compiled: Path) -> None:
    assert gc(home, "--older-than", "P30D")["entries"] == 0
    assert len(objects(home)) == 3
    let_pass(home, 31)
    found = gc(home, "--older-than", "P30D")
    assert (found["entries"], found["artifacts"], found["kept_bytes"]) == (2, 3, 0)
    assert [(one["component"], one["entries"], one["artifacts"]) for one in found["components"]] == [
        ("comp-produce", 1, 2),
        ("comp-consume", 1, 1),
    ]
    assert {one["pipeline"] for one in found["components"]} == {"both"}
    assert sum(one["bytes"] for one in found["components"]) == found["bytes"] == 2000 + 1 + len("copy of 1")
    assert found["unreferenced"] == NOTHING
    assert found["dry_run"] is False
    assert found["verified"] is None
    assert (objects(home), entries(home)) == (set(), 0)
    again = call(home, "run", compiled, "--json")
    assert reasons(again) == {"produce": "first_seen", "consume": "first_seen"}
    assert document(again)["outputs"] == {"result": 1}


def test_a_size_is_kept(home: Path, compiled: Path) -> None:
    call(home, "run", compiled, "-p", "number=22")
    size = gc(home, "--dry-run")["kept_bytes"]
    assert size == 5000 + 3 + 19
    found = gc(home, "--max-size", f"{size - 1}")
    assert (found["entries"], found["kept_bytes"]) == (1, size - 2001)
    assert objects(home) == referenced([home])
    assert gc(home, "--max-size", "1kB")["kept_bytes"] <= 1000
    assert gc(home, "--max-size", "1GB")["entries"] == 0


def test_a_dry_run_tells_what_the_next_one_does(home: Path) -> None:
    let_pass(home, 31)
    before = files(home)
    dry = gc(home, "--older-than", "P30D", "--runs", "--dry-run")
    assert {path: when for path, when in files(home).items() if "stepcache.db-" not in path} == {
        path: when for path, when in before.items() if "stepcache.db-" not in path
    }
    wet = gc(home, "--older-than", "P30D", "--runs")
    assert dry.pop("dry_run") is True
    assert wet.pop("dry_run") is False
    assert wet.pop("leftovers") >= dry.pop("leftovers") == 0
    assert dry == wet
    assert dry["runs"]["runs"] == 1


def test_a_home_that_is_not_there_is_not_made_by_a_dry_run(tmp_path: Path) -> None:
    assert gc(tmp_path / "home", "--dry-run", "--older-than", "P1D", "--runs")["entries"] == 0
    assert not (tmp_path / "home").exists()
    assert gc(tmp_path / "home")["entries"] == 0


def test_damage_is_found_and_withdrawn(home: Path, compiled: Path) -> None:
    assert gc(home, "--verify")["verified"] == {"entries": 2, "artifacts": 3, "bytes": 2010, "damaged": []}
    (damaged,) = [path for path in (home / "artifacts" / "objects").glob("*/*") if path.stat().st_size == 2000]
    damaged.chmod(0o644)
    damaged.write_text("2" + damaged.read_text()[1:])
    for _ in range(2):
        (found,) = gc(home, "--verify", "--dry-run", code=1)["verified"]["damaged"]
        assert (found["task"], found["reason"]) == ("produce", "output_altered")
        assert found["artifacts"] == [damaged.name]
    assert entries(home) == 2
    lines = told(home, "--verify", code=1)
    assert lines[0] == "read 3 artifacts (2.01 KB) of 2 entries: 1 damaged"
    assert lines[1].startswith("  both/produce  output altered, withdrawn (key ")
    assert entries(home) == 1
    assert gc(home, "--verify")["verified"]["damaged"] == []
    assert results(call(home, "run", compiled, "--json")) == {"produce": "miss", "consume": "hit"}
    assert gc(home, "--verify")["verified"]["damaged"] == []


def test_people_read_a_table(home: Path) -> None:
    assert told(home) == ["nothing was to be freed", "2.01 KB of artifacts left"]
    let_pass(home, 31)
    lines = told(home, "--older-than", "P30D", "--dry-run")
    assert [line.split() for line in lines[:4]] == [
        ["would", "free", "entries", "artifacts", "bytes"],
        ["both/comp-produce", "1", "2", "2", "KB"],
        ["both/comp-consume", "1", "1", "9", "bytes"],
        ["total", "2", "3", "2.01", "KB"],
    ]
    assert lines[4] == "0 bytes of artifacts would be left"
    assert lines[5] == "would also be deleted: 2 claims"
    assert [line.split() for line in told(home, "--older-than", "P30D")[:1]] == [
        ["freed", "entries", "artifacts", "bytes"]
    ]
    assert told(home, "--dry-run") == ["nothing to free", "0 bytes of artifacts would be left"]


def test_claims_that_nobody_holds_are_forgotten_after_a_month(home: Path) -> None:
    assert gc(home)["claims"] == 0
    let_pass(home, 31)
    assert gc(home, "--dry-run")["claims"] == 2
    assert gc(home)["claims"] == 2
    assert execute(home, "SELECT * FROM execution_claims") == []


def test_runs_go_when_they_are_asked_for_and_no_entry_is_theirs(home: Path, compiled: Path) -> None:
    assert call(home, "run", compiled).returncode == 0  # reuses everything
    let_pass(home, 31)
    live = document(call(home, "run", compiled, "--json"))["run_id"]
    first, second = (run_id for (run_id,) in execute(home, "SELECT run_id FROM runs ORDER BY created_at LIMIT 2"))
    assert len(execute(home, "SELECT * FROM run_requests WHERE run_id = ?", second)) == 1
    assert gc(home, "--older-than", "P30D")["runs"] == {"runs": 0, "bytes": 0}
    assert gc(home, "--older-than", "P30D", "--runs")["runs"]["runs"] == 1
    assert {run_id for (run_id,) in execute(home, "SELECT run_id FROM runs")} == {first, live}
    assert {run_id for (run_id,) in execute(home, "SELECT DISTINCT run_id FROM tasks")} == {first, live}
    assert {run_id for (run_id,) in execute(home, "SELECT run_id FROM run_requests")} == {first, live}
    assert (home / "runs" / str(first)).is_dir()
    execute(home, "UPDATE execution_details SET used_at = 0")
    found = gc(home, "--older-than", "P30D", "--runs")["runs"]
    assert found["runs"] == 1
    assert found["bytes"] > 0
    assert not (home / "runs" / str(first)).exists()


@pytest.mark.parametrize("run_id", ["../kept", "..", ".", "a/b", "/etc"])
def test_the_id_of_a_run_leads_nowhere(home: Path, run_id: str) -> None:
    (home / "kept").mkdir()
    (home / "kept" / "file").touch()
    columns = (
        "(run_id, pipeline, state, holder, created_at, finished_at, namespace, source, parameters, outputs, error)"
    )
    execute(home, f"INSERT INTO runs {columns} VALUES (?, '', 'FAILED', '', 1, 1, '', '', '', '', '')", run_id)
    assert gc(home, "--older-than", "P1D", "--runs")["runs"]["runs"] == 1
    assert (home / "kept" / "file").exists()
    assert (home / "runs").is_dir()
    assert gc(home, "--older-than", "P1D", "--runs")["runs"]["runs"] == 0


def test_a_run_of_a_dead_engine_is_ended(home: Path) -> None:
    execute(home, "UPDATE runs SET state = 'RUNNING', finished_at = 0, holder = ?", _dead_holder())
    gc(home)
    assert execute(home, "SELECT state FROM runs") == [("FAILED",)]


def _dead_holder() -> str:
    code = "from stepcache.cache.holder import Holder; print(Holder.this_process().format())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_pipelines_that_were_kept_go(home: Path, compiled: Path) -> None:
    (kept,) = (home / "pipelines").iterdir()
    assert gc(home, "--older-than", "P1D")["pipelines"] == 0
    os.utime(kept, times=(0, 0))
    assert gc(home, "--older-than", "P1D", "--dry-run")["pipelines"] == 1
    assert call(home, "plan", compiled).returncode == 0  # marks it as used
    assert gc(home, "--older-than", "P1D")["pipelines"] == 0
    os.utime(kept, times=(0, 0))
    assert gc(home, "--older-than", "P1D")["pipelines"] == 1
    assert not kept.exists()


def test_two_stores_may_share_their_artifacts(home: Path, compiled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    options = ("--artifacts", home / "artifacts")
    assert call(other, *options, "run", compiled, "-p", "number=7").returncode == 0
    assert len(objects(home)) == 6
    let_pass(home, 31)
    url = f"sqlite:///{other / 'stepcache.db'}"
    for arguments in (["--dry-run"], []):
        refused = call(home, "gc", "--older-than", "P30D", *arguments)
        assert refused.returncode == 2
        assert url in refused.stderr
        assert "--also-store" in refused.stderr
    assert (entries(home), len(objects(home))) == (2, 6)
    assert gc(home, "--older-than", "P30D", "--entries-only")["artifacts"] == 0
    assert (entries(home), len(objects(home))) == (0, 6)
    execute(home, "UPDATE settings SET name = name")  # the store is written by another program meanwhile
    for path in (home / "artifacts" / "objects").glob("*/*"):
        assert path.exists()
    assert gc(home, "--also-store", url)["artifacts"] == 0  # younger than a day
    assert objects(home) >= referenced([other])
    assert results(call(other, *options, "run", compiled, "-p", "number=7", "--json")) == {
        "produce": "hit",
        "consume": "hit",
    }


def test_what_a_sharing_store_refers_to_stays(home: Path, compiled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert call(other, "--artifacts", home / "artifacts", "run", compiled).returncode == 0  # makes the same
    let_pass(home, 31)
    found = gc(home, "--older-than", "P30D", "--also-store", f"sqlite:///{other / 'stepcache.db'}")
    assert (found["entries"], found["artifacts"]) == (2, 0)
    assert objects(home) == referenced([other])


def test_a_store_that_does_not_share_is_refused(home: Path, compiled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert call(other, "run", compiled).returncode == 0
    for url, sentence in (
        (f"sqlite:///{other / 'stepcache.db'}", "keeps its outputs elsewhere"),
        (f"sqlite:///{tmp_path / 'nothing.db'}", "there is no store"),
        ("nothing", "is no store URL"),
    ):
        refused = call(home, "gc", "--also-store", url)
        assert refused.returncode == 2
        assert sentence in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--older-than", "soon"), "is not a duration"),
        (("--older-than", "-1"), "is no age"),
        (("--max-size", "much"), "is not a size"),
        (("--runs",), "--runs needs an age"),
    ],
)
def test_bad_input_is_refused(home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    before = files(home)
    refused = call(home, "gc", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert sentence in refused.stderr
    assert "remedy" in refused.stderr
    assert files(home) == before


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_what_cannot_be_read_is_no_garbage(home: Path, arguments: tuple[str, ...]) -> None:
    marker = home / "artifacts" / "stepcache-artifacts.json"
    marker.rename(home / "elsewhere")
    ended = call(home, "gc", "--older-than", "PT0S", "--verify", *arguments)
    assert (ended.returncode, ended.stdout) == (3, "")
    (home / "elsewhere").rename(marker)
    assert (entries(home), len(objects(home))) == (2, 3)
    (home / "stepcache.db").write_bytes(secrets.token_bytes(5000))
    ended = call(home, "gc", "--older-than", "PT0S", *arguments)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert len(objects(home)) == 3


def test_every_option_and_every_field_is_described(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "gc.md").read_text()
    parser = argparse.ArgumentParser()
    gc_command.add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
    assert [option for option in options if f"`{option}" not in text] == []
    fields = gc(tmp_path / "home", "--dry-run").keys() - {"dry_run"}
    assert [name for name in fields if f"`{name}`" not in text] == []


def test_a_nested_pipeline_keeps_the_entries_of_its_tasks_in_use(tmp_path: Path) -> None:
    home, trace = tmp_path / "home", tmp_path / "trace"
    nested = chain(tmp_path / "chain.yaml", trace)
    assert call(home, "run", nested).returncode == 0
    let_pass(home, 31)
    assert call(home, "run", nested).returncode == 0  # one hit, of the whole
    assert gc(home, "--older-than", "P30D")["entries"] == 0
    assert document(call(home, "run", nested, "--json"))["tasks"][0]["cache"]["tasks"] == 3
    let_pass(home, 30.01)
    execute(home, "UPDATE execution_details SET used_at = used_at + 1800000 WHERE task <> 'inner'")
    assert gc(home, "--older-than", "P30D")["components"] == [
        {"pipeline": "chain", "component": "comp-inner", "entries": 1, "artifacts": 0, "bytes": 0}
    ]
