"""Secrets, config maps and volumes, from the command line to the step; and that a secret is nowhere else."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache.executors import step_launcher
from tests.cli.running import call, document, results, start, until
from tests.pipelines.compiled import Step, constant, output_of, write

DATA = Path(__file__).parents[1] / "data"
PLANTED = "pl4nted-S3CRET/with+signs=="
ROTATED = "r0tated-S3CRET/with+signs=="

needs_mounts = pytest.mark.skipif(
    bool(step_launcher.obstacle()), reason=f"no mounts for steps here: {step_launcher.obstacle()}"
)

USE = """
def use(trace: str, model: dsl.Output[dsl.Model]) -> str:
    import os
    import sys
    password = os.environ["PASSWORD"]
    with open(trace, "a") as file:
        file.write("use\\n")
    print("the password is", password)
    print(f"{password[:5]}", end="", flush=True)
    print(f"{password[5:]} in pieces", flush=True)
    print(f"me:{password}@db", file=sys.stderr)
    with open(model.path, "w") as file:
        file.write("weights")
    model.metadata["url"] = f"postgres://me:{password}@db"
    return f"token {password}"
"""
TAKE = """
def take(token: str, trace: str) -> str:
    import hashlib
    with open(trace, "a") as file:
        file.write("take\\n")
    print("got", token)
    return hashlib.sha256(token.encode()).hexdigest()
"""
QUIET = """
def quiet(trace: str) -> int:
    import os
    with open(trace, "a") as file:
        file.write("quiet\\n")
    return len(os.environ["PASSWORD"])
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file to which each execution of a step adds a line."""
    path = tmp_path / "trace"
    path.touch()
    return path


def _platform(path: Path, **executors: dict[str, Any]) -> Path:
    """Add settings for Kubernetes, by task, to a compiled pipeline."""
    settings = {f"exec-{name}": config for name, config in executors.items()}
    spec = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": settings}}}}
    path.write_text(f"{path.read_text()}\n---\n{yaml.safe_dump(spec)}")
    return path


def _password(key: str = "password") -> dict[str, Any]:
    return {"secretAsEnv": [{"secretName": "db", "keyToEnv": [{"secretKey": key, "envVar": "PASSWORD"}]}]}


def _pipeline(path: Path, trace: Path) -> Path:
    where = constant("STRING", str(trace))
    write(
        path,
        Step("use", USE, {"trace": where}, outputs={"Output": "STRING"}, output_artifacts=("model",)),
        Step(
            "take",
            TAKE,
            {"token": output_of("STRING", "use"), "trace": where},
            outputs={"Output": "STRING"},
        ),
        Step("quiet", QUIET, {"trace": where}, outputs={"Output": "NUMBER_INTEGER"}),
        outputs={"digest": "take.Output", "token": "use.Output"},
    )
    return _platform(path, use=_password(), quiet=_password())


def _everything_kept(home: Path) -> bytes:
    """Names and contents of all files below ``home``, the database's journal included."""
    return b"\n".join(
        bytes(path.relative_to(home)) + b"\n" + (path.read_bytes() if path.is_file() else b"")
        for path in home.rglob("*")
    )


def _assert_nowhere(secret: str, home: Path, *ended: subprocess.CompletedProcess[str]) -> None:
    kept = _everything_kept(home)
    assert b"weights" in kept or b"runs" in kept  # it did look
    assert secret.encode() not in kept
    assert secret[8:].encode() not in kept
    for process in ended:
        assert secret not in process.stdout
        assert secret not in process.stderr


def test_a_secret_rests_nowhere_and_its_steps_are_reused(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _pipeline(tmp_path / "secret.yaml", trace)
    arguments = ("run", pipeline, "--secret", "db/password=env:PLANTED", "--json")
    first = call(home, *arguments, environment={"PLANTED": PLANTED})
    assert first.returncode == 0, first.stderr
    assert results(first) == {"use": "miss", "take": "miss", "quiet": "miss"}
    assert document(first)["outputs"] == {
        "digest": hashlib.sha256(f"token {PLANTED}".encode()).hexdigest(),  # the next task gets the value itself
        "token": "token ****",
    }
    logs = "".join(path.read_text() for path in sorted(home.glob("runs/*/*.log")))
    assert "the password is ****\n" in logs
    assert "**** in pieces\n" in logs
    assert "got token ****\n" in logs

    second = call(home, *arguments, environment={"PLANTED": PLANTED})
    assert results(second) == {"use": "hit", "take": "hit", "quiet": "hit"}
    assert document(second)["outputs"] == document(first)["outputs"]
    assert sorted(trace.read_text().split()) == ["quiet", "take", "use"]
    _assert_nowhere(PLANTED, home, first, second)


def test_a_new_value_invalidates_only_what_held_the_old_one(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _pipeline(tmp_path / "secret.yaml", trace)
    arguments = ("run", pipeline, "--secret", "db=env:PLANTED", "--json")
    first = call(home, *arguments, environment={"PLANTED": PLANTED})
    rotated = call(home, *arguments, environment={"PLANTED": ROTATED})
    assert rotated.returncode == 0, rotated.stderr
    assert results(rotated) == {"use": "miss", "take": "miss", "quiet": "hit"}
    assert document(rotated)["outputs"]["digest"] == hashlib.sha256(f"token {ROTATED}".encode()).hexdigest()
    _assert_nowhere(PLANTED, home, first, rotated)
    _assert_nowhere(ROTATED, home, first, rotated)


def test_a_secret_in_a_failure_is_masked(tmp_path: Path, home: Path) -> None:
    code = """
    def fail():
        import os
        raise ValueError("cannot log in with " + os.environ["PASSWORD"])
    """
    pipeline = _platform(write(tmp_path / "fail.yaml", Step("fail", code)), fail=_password())
    ended = call(home, "run", pipeline, "--secret", "db=env:PLANTED", "--json", environment={"PLANTED": PLANTED})
    assert ended.returncode == 1
    assert "cannot log in with ****" in ended.stderr
    _assert_nowhere(PLANTED, home, ended)


@pytest.mark.parametrize("secret", [PLANTED, PLANTED * 5])
def test_a_secret_of_the_wrong_type_is_not_told(tmp_path: Path, home: Path, secret: str) -> None:
    give = """
    def give() -> str:
        import os
        return os.environ["PASSWORD"]
    """
    count = """
    def count(number: int) -> int:
        return number
    """
    pipeline = write(
        tmp_path / "types.yaml",
        Step("give", give, outputs={"Output": "STRING"}),
        Step("count", count, {"number": output_of("NUMBER_INTEGER", "give")}, outputs={"Output": "NUMBER_INTEGER"}),
    )
    _platform(pipeline, give=_password())
    ended = call(home, "run", pipeline, "--secret", "db=env:PLANTED", "--json", environment={"PLANTED": secret})
    assert ended.returncode == 1
    assert "expected a whole number" in ended.stderr
    _assert_nowhere(PLANTED, home, ended)


def test_a_killed_engine_leaves_no_secret_in_a_log(tmp_path: Path, home: Path, trace: Path) -> None:
    code = """
    def hang(trace: str):
        import os, time
        print("the password is", os.environ["PASSWORD"], flush=True)
        with open(trace, "a") as file:
            file.write("printed\\n")
        time.sleep(600)
    """
    step = Step("hang", code, {"trace": constant("STRING", str(trace))})
    pipeline = _platform(write(tmp_path / "hang.yaml", step), hang=_password())
    engine = start(home, "run", pipeline, "--secret", "db=env:PLANTED", environment={"PLANTED": PLANTED})
    until(lambda: trace.read_text() == "printed\n")
    until(lambda: any("the password is ****" in log.read_text() for log in home.glob("runs/*/*.log")))
    engine.send_signal(signal.SIGKILL)
    output, errors = engine.communicate(timeout=30)
    _assert_nowhere(PLANTED, home, subprocess.CompletedProcess(engine.args, 0, output, errors))


def test_a_step_without_secrets_that_meets_one_in_a_file_is_masked_too(tmp_path: Path, home: Path) -> None:
    leak = """
    def leak(model: dsl.Output[dsl.Model]):
        import os
        with open(model.path, "w") as file:
            file.write(os.environ["PASSWORD"])
    """
    read = """
    def read(model: dsl.Input[dsl.Model]):
        print("found", open(model.path).read())
    """
    pipeline = write(
        tmp_path / "leak.yaml",
        Step("leak", leak, output_artifacts=("model",)),
        Step("read", read, artifacts={"model": ("leak", "model")}),
    )
    _platform(pipeline, leak=_password())
    ended = call(home, "run", pipeline, "--secret", "db=env:PLANTED", "--json", environment={"PLANTED": PLANTED})
    assert ended.returncode == 0, ended.stderr
    assert "the output artifact 'model' holds the value of a secret" in ended.stderr
    logs = "".join(path.read_text() for path in home.glob("runs/*/*.log"))
    assert "found ****" in logs


def test_what_is_missing_is_told_before_anything_runs(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _pipeline(tmp_path / "secret.yaml", trace)
    ended = call(home, "run", pipeline, "--json")
    assert ended.returncode == 2
    assert "task 'use': there is no secret 'db': give it by --secret db=FILE" in ended.stderr
    assert "task 'quiet': there is no secret 'db'" in ended.stderr
    assert trace.read_text() == ""
    ended = call(home, "run", pipeline, "--json", "--secret", f"db/password={PLANTED}")
    assert ended.returncode == 2
    assert PLANTED not in ended.stderr


@needs_mounts
def test_secrets_and_config_maps_are_files(tmp_path: Path, home: Path) -> None:
    code = """
    def look() -> str:
        import os
        with open("/stepcache-test/tls/tls.key") as file:
            print(file.read())
        with open("/stepcache-test/settings/mode") as file:
            return file.read() + ",".join(sorted(os.listdir("/stepcache-test/tls")))
    """
    pipeline = write(
        tmp_path / "files.yaml", Step("look", code, outputs={"Output": "STRING"}), outputs={"seen": "look.Output"}
    )
    _platform(
        pipeline,
        look={
            "secretAsVolume": [{"secretName": "tls", "mountPath": "/stepcache-test/tls"}],
            "configMapAsVolume": [{"configMapName": "settings", "mountPath": "/stepcache-test/settings"}],
        },
    )
    tls = tmp_path / "tls"
    tls.mkdir()
    (tls / "tls.key").write_text(PLANTED)
    (tls / "tls.crt").write_text("a certificate")
    (tmp_path / "settings.yaml").write_text("mode: fast\n")
    arguments = (
        "run",
        pipeline,
        "--secret",
        f"tls={tls}",
        "--config-map",
        f"settings={tmp_path / 'settings.yaml'}",
    )
    first = call(home, *arguments, "--json")
    assert first.returncode == 0, first.stderr
    assert document(first)["outputs"] == {"seen": "fasttls.crt,tls.key"}
    assert results(call(home, *arguments, "--json")) == {"look": "hit"}
    _assert_nowhere(PLANTED, home, first)
    (tmp_path / "settings.yaml").write_text("mode: slow\n")
    changed = call(home, *arguments, "--json")
    assert document(changed)["outputs"] == {"seen": "slowtls.crt,tls.key"}
    assert not Path("/stepcache-test").exists()


@needs_mounts
def test_volumes_are_made_shared_and_removed(tmp_path: Path, home: Path) -> None:
    shared, other = tmp_path / "shared", tmp_path / "other"
    shared.mkdir()
    other.mkdir()
    arguments = (
        "run",
        DATA / "platform" / "volumes.yaml",
        *("--volume", f"shared={shared}"),
        *("--volume", f"constant-claim={other}"),
        "--json",
    )
    for _ in range(2):
        ended = call(home, *arguments)
        assert ended.returncode == 0, ended.stderr
        assert set(results(ended).values()) == {"off"}  # a volume of this run alone: no other run could reuse them
        assert not list((home / "volumes").glob("*/*"))
    assert (shared / "inner").is_dir()


def test_pod_metadata_is_told_to_the_step(home: Path) -> None:
    ended = call(home, "run", DATA / "pipelines" / "pipeline_with_pod_metadata.yaml", "--json")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("only a cluster carries it out") == 1
    assert "pod metadata (" in ended.stderr


def test_the_record_of_a_run_is_a_json_document_without_secrets(tmp_path: Path, home: Path, trace: Path) -> None:
    pipeline = _pipeline(tmp_path / "secret.yaml", trace)
    ended = call(home, "run", pipeline, "--secret", "db=env:PLANTED", "--json", environment={"PLANTED": PLANTED})
    assert json.dumps(PLANTED)[1:-1] not in ended.stdout
    assert "token ****" in json.dumps(document(ended))
