"""``stepcache gc`` killed with ``kill -9`` at every step: nothing is lost, and the next one leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepcache.artifacts.local import LocalArtifactStore
from stepcache.artifacts.scratch import remove
from tests.cli.collected import entries, execute, let_pass, objects, pipeline, referenced
from tests.cli.running import call, document

REPOSITORY = Path(__file__).parents[2]
Collecting = subprocess.Popen[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with something of every kind that goes, and of every kind that stays."""
    directory = tmp_path_factory.mktemp("template")
    home, compiled = directory / "home", pipeline(directory / "both.yaml")
    assert call(home, "run", compiled).returncode == 0
    os.utime(next((home / "pipelines").iterdir()), times=(0, 0))
    let_pass(home, 31)
    young = pipeline(directory / "young.yaml")
    assert call(home, "run", young, "-p", "number=2").returncode == 0
    _make_garbage(home)
    return home


def _make_garbage(home: Path) -> None:
    artifacts = LocalArtifactStore.open(home / "artifacts")
    artifacts.ingest_bytes(b"never published")
    scratch = artifacts.scratch()
    host, pid, started, token = scratch.name.split(".")
    dead = scratch.rename(scratch.with_name(f"{host}.{pid}.{int(started) - 1}.{token}"))
    (dead / "half").write_text("half")
    artifacts.close()
    (home / "artifacts" / "pins" / "another-boot.1.0123").write_text("\n")
    os.utime(home / "artifacts" / "pins" / "another-boot.1.0123", times=(0, 0))
    proofs = home / "artifacts" / "proofs" / "ff"
    proofs.mkdir(parents=True, exist_ok=True)
    (proofs / ("f" * 64)).touch()
    execute(home, "INSERT INTO execution_artifacts VALUES (1000, 'gone', 1)")
    layer = home / "environments" / "layers" / "unused"
    (layer / "lib").mkdir(parents=True)
    for path in (layer / "lib" / "package.py", layer / "layer.json"):
        path.write_text("{}")
        path.chmod(0o444)
    os.utime(layer / "layer.json", times=(0, 0))
    for directory in (layer / "lib", layer):
        directory.chmod(0o555)


@pytest.fixture(scope="module")
def collecting() -> Iterator[Collecting]:
    command = [sys.executable, "-m", "tests.cli.dying_gc"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, bufsize=1
    )
    yield process
    process.communicate()


def _collect(collecting: Collecting, home: Path, step: int = -1) -> int:
    assert collecting.stdin is not None
    assert collecting.stdout is not None
    collecting.stdin.write(f"{home} {step}\n")
    return int(collecting.stdout.readline())


def _copy(template: Path, home: Path) -> None:
    subprocess.run(["cp", "-a", template, home], check=True)
    execute(home, "UPDATE settings SET value = replace(value, ?, ?)", template.as_uri(), home.as_uri())


def test_a_collection_may_be_killed_at_every_step(template: Path, collecting: Collecting, tmp_path: Path) -> None:
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        home = tmp_path / f"{step}"
        _copy(template, home)
        code = _collect(collecting, home, step)
        assert code in (-signal.SIGKILL, 0), f"step {step}"
        _nothing_is_lost(home)
        _let_a_day_pass(home)
        assert _collect(collecting, home) == 0, f"after step {step}"
        _nothing_is_lost(home)
        _nothing_is_left(home)
        remove(home)
        step += 1
    assert step > 50


def _let_a_day_pass(home: Path) -> None:
    """For what the dead left under names that the living use, too."""
    proofs = home / "artifacts" / "proofs"
    layers = home / "environments" / "layers"
    for path in (*layers.glob(".*"), *proofs.glob("moment.*"), *proofs.glob("*/*.*")):
        os.utime(path, times=(0, 0))


def _nothing_is_lost(home: Path) -> None:
    assert referenced([home]) <= objects(home)
    young = execute(
        home,
        "SELECT COUNT(*) FROM execution_caches JOIN execution_details ON entry_id = ID WHERE pipeline = 'young'",
    )
    assert young == [(2,)]
    assert execute(home, "SELECT COUNT(*) FROM runs WHERE pipeline = 'young'") == [(1,)]


def _nothing_is_left(home: Path) -> None:
    artifacts = home / "artifacts"
    assert entries(home) == 2
    assert objects(home) == referenced([home])
    assert list((artifacts / "scratch").iterdir()) == []
    assert [path.name for path in (artifacts / "pins").iterdir()] == ["gate"]
    proven = {path.name for path in (artifacts / "proofs").glob("*/*")}
    assert proven <= {name.removesuffix(".dir") for name in objects(home)}
    assert list((artifacts / "proofs").glob("moment.*")) == []
    for table in ("execution_details", "execution_claims"):
        assert execute(home, f"SELECT COUNT(*) FROM {table}") == [(2,)]
    assert execute(home, "SELECT COUNT(*) FROM execution_artifacts") == [(3,)]
    assert execute(home, "SELECT DISTINCT pipeline FROM runs") == [("young",)]
    assert execute(home, "SELECT run_id FROM runs") == execute(home, "SELECT DISTINCT run_id FROM tasks")
    assert [(path.name,) for path in (home / "runs").iterdir()] == execute(home, "SELECT run_id FROM runs")
    layers = {path.name for path in (home / "environments" / "layers").iterdir()}
    assert layers <= {"unused.lock"}  # whoever waits for a lock has its file open: it stays, empty
    assert len(list((home / "pipelines").iterdir())) == 1


def test_a_killed_collection_is_no_run(template: Path, collecting: Collecting, tmp_path: Path) -> None:
    """What was young is reused after it, whatever was in the middle."""
    home = tmp_path / "home"
    _copy(template, home)
    assert _collect(collecting, home, 60) == -signal.SIGKILL
    young = template.parent / "young.yaml"
    ended = document(call(home, "run", young, "-p", "number=2", "--json"))
    assert {task["cache"]["result"] for task in ended["tasks"]} == {"hit"}
