"""Nothing that users see goes without its line in the documentation, and every example in it is run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import stepcache
from stepcache.cache.reason import Reason
from stepcache.cli.main import COMMANDS
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.task_record import CacheResult, State
from tests.documents import IN_ORDER, PAGES, ROOT, Command, blocks, commands, matches, printed, python
from tests.pipelines.compiled import Step, pipeline_input, write

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")

TRAIN = """
def train(epochs: int, name: str, rates: list) -> str:
    return f"{name} {epochs} {rates}"
"""
TYPES = {"epochs": ("NUMBER_INTEGER", 1), "name": ("STRING", "trial"), "rates": ("LIST", [0.5])}
TEMPLATE = {"container": {"image": "python:3.11", "command": ["echo", "Hello"]}}
FINGERPRINTS = [{"containerSpec": {"image": image, "cmdArgs": ["run"]}} for image in ("python:3.11", "python:3.12")]

FILES = {
    "params.yaml": "name: from the file\n",
    "data.csv": "1,2\n",
    "template.json": json.dumps(TEMPLATE),
    "fingerprints.jsonl": "".join(f"{json.dumps(line)}\n" for line in FINGERPRINTS),
    "db.env": "PASSWORD=secret\n",
    "settings.yaml": "mode: fast\n",
}
"""What the examples name."""

RUN_ELSEWHERE = {"examples/training/pipeline.yaml": "tests/examples/test_training.py"}
"""Examples that another test runs, by a word of theirs."""

EXAMPLES = [command for page in PAGES if page.name not in IN_ORDER for command in commands(page)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_command_is_described() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    assert [name for name in COMMANDS if f"stepcache {name}" not in text] == []


def test_every_public_name_is_described() -> None:
    text = (ROOT / "docs" / "python.md").read_text()
    methods = [name for name in vars(stepcache.BlockingCache) if not name.startswith("_")]
    assert [name for name in stepcache.__all__ if not re.search(rf"\b{name}\b", text)] == []
    assert [name for name in methods if f"`{name}" not in text and f".{name}(" not in text] == []


def test_every_reason_is_described() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


def test_every_result_and_state_is_described() -> None:
    text = (ROOT / "docs" / "running.md").read_text()
    assert [word for word in (*CacheResult, *State) if f"`{word}`" not in text] == []


def test_every_part_of_a_key_is_described() -> None:
    text = (ROOT / "docs" / "explain.md").read_text()
    assert [part for part in Part if f"`{part}`" not in text] == []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a reader would be: the files that the examples name, and no home yet."""
    pipeline = write(
        tmp_path / "pipeline.yaml",
        Step("train", TRAIN, {name: pipeline_input(kind, name) for name, (kind, _) in TYPES.items()}),
        inputs={name: {"parameterType": kind, "defaultValue": value} for name, (kind, value) in TYPES.items()},
    )
    document = yaml.safe_load(pipeline.read_text())
    artifact = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}, "isOptional": True}
    document["root"]["inputDefinitions"]["artifacts"] = {"data": artifact}
    pipeline.write_text(yaml.safe_dump(document))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def environment(directory: Path) -> dict[str, str]:
    """A reader's, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPCACHE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "STEPCACHE_HOME": str(directory / "home")}


@pytest.mark.parametrize("page", [page for page in PAGES if python(page)], ids=lambda page: page.name)
def test_the_python_of_a_page_runs_and_prints_what_it_says(page: Path, directory: Path) -> None:
    code = python(page)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert [line for line in ended.stdout.splitlines() if line] == printed(code)


def _reason_not_to_run(command: Command) -> str:
    if command.words[0] != "stepcache":
        return "no command of ours"
    return next((place for word, place in RUN_ELSEWHERE.items() if word in command.words), "")


@pytest.mark.parametrize("command", [one for one in EXAMPLES if not _reason_not_to_run(one)], ids=str)
def test_a_command_runs_and_prints_what_is_shown(command: Command, directory: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", command.line],
        cwd=directory,
        env=environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    if command.shown:
        assert matches(command.shown, ended.stdout), ended.stdout


def test_what_is_run_elsewhere_is_there() -> None:
    words = {word for command in EXAMPLES for word in command.words}
    assert RUN_ELSEWHERE.keys() <= words
    assert [place for place in RUN_ELSEWHERE.values() if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_example_hides_from_this_test(page: Path) -> None:
    """A command of ours stands in a block that says ``console``, behind a ``$``."""
    others = [text for language, text in blocks(page) if language not in ("console", "python")]
    lines = [line.removeprefix("$ ") for text in others for line in text.splitlines()]
    assert [line for line in lines if line.startswith("stepcache ")] == []
