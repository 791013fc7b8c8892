"""Bad input to ``stepcache run``: one clear error, exit code 2, and nothing made or run."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.running import call
from tests.pipelines.compiled import Step, pipeline_input, write

LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _pipeline(path: Path) -> Path:
    return write(
        path,
        Step("add", "def add(a: int): pass", {"a": pipeline_input("NUMBER_INTEGER", "epochs")}),
        inputs={
            "epochs": {"parameterType": "NUMBER_INTEGER"},
            "mode": {"parameterType": "STRING", "defaultValue": "fast", "literals": ["fast", "slow"]},
        },
    )


def _refused(ended: subprocess.CompletedProcess[str], home: Path) -> str:
    """What was said, once it is seen that nothing else happened."""
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("stepcache: ")
    assert "\n  remedy: " in ended.stderr
    assert not home.exists()
    return ended.stderr


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.yaml", b"", "is empty"),
        ("bytes.yaml", bytes(range(256)), "is a binary file"),
        ("bomb.zip", _zip("pipeline.yaml", bytes(33 << 20)), "is larger than 32 MiB"),
        ("bomb.tar.gz", _tar("other.bin", bytes(65 << 20)), "unpacks to more than 64 MiB"),
        ("path.tgz", _tar("../../etc/passwd", b"root"), "is a package without a YAML file"),
        ("laughs.yaml", LAUGHS.encode(), "more than 1,000,000 values"),
        ("deep.yaml", b"- " * 100_000, "levels"),
        ("twice.yaml", b"root: {}\nroot: {}\n", "line 2 .* 'root' is there twice"),
        ("argo.yaml", b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n", "Argo Workflow"),
        ("syntax.py", b"def f(:\n", "line 1, does not compile: SyntaxError"),
    ],
)
def test_a_file_that_is_no_pipeline(tmp_path: Path, home: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    said = _refused(call(home, "run", path, "--json"), home)
    assert name in said
    assert re.search(message, said), said


def test_a_directory_and_a_file_that_is_not_there(tmp_path: Path, home: Path) -> None:
    assert "Is a directory" in _refused(call(home, "run", tmp_path), home)
    assert "No such file" in _refused(call(home, "run", tmp_path / "absent.py:train"), home)


def test_every_problem_with_the_inputs_at_once(tmp_path: Path, home: Path) -> None:
    pipeline = _pipeline(tmp_path / "pipeline.yaml")
    (tmp_path / "params.json").write_text(json.dumps({"mode": "medium", "epoch": 1}))
    said = _refused(
        call(home, "run", pipeline, "-p", "epochs=three", "--params", tmp_path / "params.json", "-a", "data=d"),
        home,
    )
    assert "unknown parameter 'epoch' (did you mean 'epochs'?)" in said
    assert "unknown artifact 'data' (the pipeline has: none)" in said
    assert "parameter 'epochs': expected a whole number, got 'three'" in said
    assert "parameter 'mode': expected one of fast, slow, got medium" in said
    assert "parameter 'epochs' is missing" in _refused(call(home, "run", pipeline), home)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, home: Path) -> None:
    pipeline = _pipeline(tmp_path / "pipeline.yaml")
    ended = call(home, "run", pipeline, "-p", os.fsdecode(b"mode=\xff"), "-p", "epochs=1")
    assert "parameter 'mode': expected Unicode text" in _refused(ended, home)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "epochs"], "'epochs' is not of the form name=value"),
        (["-a", "=x"], "'=x' is not of the form name=value"),
        (["--params", "absent.yaml"], "cannot read absent.yaml"),
        (["--params", "/dev/null"], "/dev/null is empty"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, home: Path, arguments: list[str], message: str) -> None:
    assert message in _refused(call(home, "run", _pipeline(tmp_path / "pipeline.yaml"), *arguments), home)


def test_the_help_shows_the_options_with_an_example() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "stepcache", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for part in ("-p NAME=VALUE", "--params FILE", "-a NAME=PATH|URI", "stepcache run pipeline.py:train --params"):
        assert part in text
