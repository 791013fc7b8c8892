"""The example of ``make run``."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepcache.executors import distributions
from tests.cli.running import call, document, results

EXAMPLE = Path(__file__).parents[2] / "examples" / "training"
SOURCE, COMPILED = EXAMPLE / "pipeline.py", EXAMPLE / "pipeline.yaml"
KFP_LOCAL = Path(__file__).with_name("kfp_local.py")
SDK_VERSION = re.compile(r"\bkfp(==|-)\d+(\.\d+)+")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all, as ``make run`` has it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def first_run(home: Path) -> subprocess.CompletedProcess[str]:
    ended = call(home, "run", COMPILED, "--json")
    assert ended.returncode == 0, ended.stderr
    return ended


def _child(*command: str | Path, directory: Path) -> None:
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _executed(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """How often each component was executed; the place of a task in loops and conditions is left away."""
    return Counter(name.rpartition("/")[2] for name, result in results(ended).items() if result == "miss")


def _without_sdk_version(file: Path) -> Any:
    return yaml.safe_load(SDK_VERSION.sub("kfp", file.read_text()))


def test_the_compiled_file_is_what_the_source_compiles_to(tmp_path: Path) -> None:
    now = tmp_path / "pipeline.yaml"
    kfp = Path(sys.executable).with_name("kfp")
    _child(kfp, "dsl", "compile", "--py", SOURCE, "--function", "training", "--output", now, directory=tmp_path)
    assert _without_sdk_version(COMPILED) == _without_sdk_version(now)


def test_a_second_run_reuses_every_step(home: Path, first_run: subprocess.CompletedProcess[str]) -> None:
    assert _executed(first_run) == {
        "prepare-data": 1,
        "train-model": 3,
        "evaluate-model": 3,
        "choose-model": 1,
        "publish-model": 1,
    }
    second = call(home, "run", COMPILED, "-p", "trees=50", "--json")  # as the README has it; 50 is the default
    assert _executed(second) == {}
    assert document(second)["outputs"] == document(first_run)["outputs"]


def test_another_candidate_is_all_that_is_trained(home: Path, first_run: subprocess.CompletedProcess[str]) -> None:
    parameters = yaml.safe_load(COMPILED.read_text())["root"]["inputDefinitions"]["parameters"]
    candidates = parameters["candidates"]["defaultValue"]
    more = json.dumps([*candidates, {"depth": 1, "criterion": "gini"}])
    ended = call(home, "run", COMPILED, "-p", f"candidates={more}", "--json")
    # the new one is worse, so the chosen one is what it was, and publishing it is reused
    assert _executed(ended) == {"train-model": 1, "evaluate-model": 1, "choose-model": 1}
    assert document(ended)["outputs"] == document(first_run)["outputs"]


def test_what_is_not_good_enough_is_not_published(home: Path, first_run: subprocess.CompletedProcess[str]) -> None:
    ended = call(home, "run", COMPILED, "-p", "min_accuracy=0.999", "--json")
    assert _executed(ended) == {}
    tasks = document(ended)["tasks"]
    assert {task["state"] for task in tasks if task["name"].startswith("condition-2")} == {"SKIPPED"}
    assert document(ended)["outputs"] == document(first_run)["outputs"]


def test_kfp_local_gives_the_same_outputs(tmp_path: Path, first_run: subprocess.CompletedProcess[str]) -> None:
    installed = distributions.installed()
    _child(sys.executable, KFP_LOCAL, SOURCE, "training", tmp_path, directory=tmp_path)
    assert distributions.installed() == installed

    theirs = json.loads((tmp_path / "outputs.json").read_text())
    ours = document(first_run)["outputs"]
    assert ours.keys() == theirs.keys()
    assert ours["accuracy"] == theirs["accuracy"]
    assert ours["model"]["metadata"] == theirs["model"]["metadata"]
    assert ours["model"]["digest"] == hashlib.sha256(Path(theirs["model"]["path"]).read_bytes()).hexdigest()
