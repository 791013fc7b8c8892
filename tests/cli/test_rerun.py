"""``stepcache rerun`` as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import COMMAND, call, document, reasons, results
from tests.pipelines.compiled import Step, constant, pipeline_input, write

SECRET = "pl4nted-S3CRET"
USE = """
def use(text: str) -> str:
    return text.upper()
"""


@pytest.fixture
def using(tmp_path: Path) -> Path:
    """A pipeline of one step that takes a text."""
    return write(
        tmp_path / "using.yaml",
        Step("use", USE, {"text": pipeline_input("STRING", "text")}, {}, {"Output": "STRING"}),
        inputs={"text": {"parameterType": "STRING", "defaultValue": "default", "isOptional": True}},
        outputs={"text": "use.Output"},
    )


def outputs(ended: subprocess.CompletedProcess[str]) -> Any:
    return document(ended)["outputs"]


def rerun(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ended = call(home, "rerun", *arguments, "--json", environment=variables)
    assert ended.returncode == 0, ended.stderr
    return ended


def refused(home: Path, *arguments: str) -> str:
    ended = call(home, "rerun", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def kept(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_run_is_run_again_though_its_file_is_gone(home: Path, nested: Path, tmp_path: Path) -> None:
    first = call(home, "run", nested, "-p", "start=5", "--json")
    nested.write_text("something else")
    assert outputs(rerun(home, "latest")) == {"result": 8}
    nested.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ended = subprocess.run(
        [*COMMAND, "--home", str(home), "rerun", document(first)["run_id"][:8], "--json"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd() / "src")},
    )
    assert outputs(ended) == {"result": 8}
    assert set(results(ended).values()) == {"hit"}
    shown = json.loads(call(home, "show", "latest", "--json").stdout)
    assert shown["rerun_of"] == document(first)["run_id"]
    assert shown["parameters"] == {"start": 5}
    assert shown["source"] == str(nested)


def test_a_rerun_can_be_run_again_and_changed(home: Path, nested: Path) -> None:
    call(home, "run", nested, "-p", "start=5")
    assert outputs(rerun(home, "latest", "-p", "start=7")) == {"result": 10}
    assert outputs(rerun(home, "latest")) == {"result": 10}
    ended = rerun(home, "latest", "--no-cache")
    assert set(results(ended).values()) == {"none", "off"}
    assert "strat" in refused(home, "latest", "-p", "strat=1")


def test_from_a_task_on_everything_is_executed(home: Path, nested: Path) -> None:
    call(home, "run", nested)
    ended = rerun(home, "latest", "--from", "add-1")
    assert results(ended) == {"inner": "none", "inner/add-0": "hit", "inner/add-1": "miss", "inner/add-2": "miss"}
    assert reasons(ended)["inner/add-2"] == "refreshed"
    assert set(results(rerun(home, "latest", "--from", "inner")).values()) == {"none", "miss"}
    assert "did you mean 'add-2'" in refused(home, "latest", "--from", "add-22")


def test_from_a_task_on_what_comes_before_is_reused_whatever_the_run_was_asked(home: Path, nested: Path) -> None:
    for option in ("--no-cache", "--refresh"):
        call(home, "run", nested)
        call(home, "run", nested, option)
        ended = rerun(home, "latest", "--from", "add-2")
        assert list(results(ended).values()) == ["none", "hit", "hit", "miss"], option


def test_the_policies_of_the_run_count_again(home: Path, nested: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[components."add-1"]\ncache = "off"\n')
    call(home, "run", nested, "--policy", policy)
    policy.unlink()
    assert results(rerun(home, "latest"))["inner/add-1"] == "off"
    ended = rerun(home, "latest", "--from", "add-2")  # what a file says is no wish of one command line
    assert results(ended) == {"inner": "none", "inner/add-0": "hit", "inner/add-1": "off", "inner/add-2": "miss"}


def test_null_is_given_again(home: Path, tmp_path: Path) -> None:
    """Where no parameter is given, the default counts; where null is, it does not."""
    pipeline = write(
        tmp_path / "optional.yaml",
        Step(
            "use",
            "def use(text: str = 'none') -> str:\n    return text",
            {"text": pipeline_input("STRING", "text")},
            {},
            {"Output": "STRING"},
        ),
        inputs={"text": {"parameterType": "STRING", "defaultValue": "default", "isOptional": True}},
        outputs={"text": "use.Output"},
    )
    spec = yaml.safe_load(pipeline.read_text())
    inner = spec["components"]["comp-use"]["inputDefinitions"]["parameters"]["text"]
    inner |= {"isOptional": True, "defaultValue": "none"}
    pipeline.write_text(yaml.safe_dump(spec))
    parameters = tmp_path / "params.yaml"
    parameters.write_text("text: null\n")
    given = outputs(call(home, "run", pipeline, "--params", parameters, "--json"))
    assert given == {"text": "none"}
    assert outputs(rerun(home, "latest")) == given
    assert outputs(rerun(home, "latest", "-p", "text=x")) == {"text": "x"}


def test_a_secret_in_a_parameter_is_put_back_from_where_it_is(home: Path, using: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    secret = ("--secret", f"db={tmp_path / 'password'}")
    assert call(home, "run", using, "-p", f"text=me:{SECRET}@db", *secret).returncode == 0
    ended = rerun(home, "latest")
    assert results(ended) == {"use": "hit"}
    assert SECRET not in ended.stdout + ended.stderr
    assert SECRET.encode() not in kept(home)
    (tmp_path / "password").write_text("an0ther-S3CRET")
    told = refused(home, "latest")
    assert "parameter 'text'" in told
    assert "-p text=VALUE" in told
    assert outputs(rerun(home, "latest", "-p", "text=plain")) == {"text": "PLAIN"}
    (tmp_path / "password").unlink()
    assert "what is given for the secret 'db' cannot be read" in refused(home, "latest")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(SECRET)
    assert outputs(rerun(home, "latest", "--secret", f"db={elsewhere}")) == {"text": "PLAIN"}


def test_a_secret_of_the_environment_is_read_again(home: Path, using: Path) -> None:
    variables = {"DB_PASSWORD": SECRET}
    ended = call(
        home, "run", using, "-p", f"text={SECRET}", "--secret", "db=env:DB_PASSWORD", environment=variables
    )
    assert ended.returncode == 0
    assert results(rerun(home, "latest", **variables)) == {"use": "hit"}
    assert "'DB_PASSWORD' that is not set" in refused(home, "latest")


def test_a_pipeline_with_a_secret_in_it_is_not_kept(home: Path, tmp_path: Path) -> None:
    pipeline = write(tmp_path / "planted.yaml", Step("use", USE, {"text": constant("STRING", SECRET)}))
    (tmp_path / "password").write_text(SECRET)
    ended = call(home, "run", pipeline, "--secret", f"db={tmp_path / 'password'}")
    assert ended.returncode == 0, ended.stderr
    told = refused(home, "latest")
    assert "holds the value of a secret" in told
    assert f"stepcache run {pipeline}" in told


def test_an_artifact_is_given_again(home: Path, tmp_path: Path) -> None:
    read = "def read(data: dsl.Input[dsl.Artifact]) -> str:\n    return open(data.path).read()"
    pipeline = write(
        tmp_path / "reading.yaml",
        Step("make", "def make() -> str:\n    return ''"),
        Step("read", read, artifacts={"data": ("make", "data")}, outputs={"Output": "STRING"}),
        outputs={"text": "read.Output"},
    )
    spec = yaml.safe_load(pipeline.read_text())
    spec["root"]["inputDefinitions"] = {
        "artifacts": {"data": spec["components"]["comp-read"]["inputDefinitions"]["artifacts"]["data"]}
    }
    spec["root"]["dag"]["tasks"]["read"]["inputs"]["artifacts"]["data"] = {"componentInputArtifact": "data"}
    pipeline.write_text(yaml.safe_dump(spec))
    data, other = tmp_path / "data", tmp_path / "other"
    data.write_text("one")
    other.write_text("two")
    assert outputs(call(home, "run", pipeline, "-a", f"data={data}", "--json")) == {"text": "one"}
    assert outputs(rerun(home, "latest")) == {"text": "one"}
    assert outputs(rerun(home, "latest", "-a", f"data={other}")) == {"text": "two"}
    other.unlink()
    assert "artifact 'data'" in refused(home, "latest")


def test_a_run_whose_request_is_not_kept_says_how_to_run_it(home: Path, nested: Path) -> None:
    import sqlite3
    from contextlib import closing

    call(home, "run", nested)
    with closing(sqlite3.connect(home / "stepcache.db")) as database, database:
        database.execute("UPDATE run_requests SET request = '{\"form\": 99}'")
    assert "form that this release does not know" in refused(home, "latest")
    with closing(sqlite3.connect(home / "stepcache.db")) as database, database:
        database.execute("DELETE FROM run_requests")
    assert f"remedy: stepcache run {nested}" in refused(home, "latest")


def test_a_refused_rerun_leaves_nothing(home: Path, nested: Path) -> None:
    call(home, "run", nested)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if "stepcache.db" not in path.name}
    refused(home, "latest", "-p", "start=x")
    refused(home, "nothing")
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if "stepcache.db" not in path.name} == before
    assert len(json.loads(call(home, "runs", "--json").stdout)) == 1


def test_a_python_file_is_not_compiled_again(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from kfp import dsl\n\n\n"
        "@dsl.component(base_image='python:3.11', install_kfp_package=False)\n"
        "def double(number: int) -> int:\n    return 2 * number\n\n\n"
        "@dsl.pipeline\n"
        "def doubling(number: int = 4) -> int:\n    return double(number=number).output\n"
    )
    assert outputs(call(home, "run", program, "--json")) == {"Output": 8}
    program.write_text("raise SystemExit")
    assert outputs(rerun(home, "latest", "-p", "number=5")) == {"Output": 10}
