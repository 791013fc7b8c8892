"""Run a pipeline under kfp.local, in the Python that runs this, and change nothing that is installed there.

``python kfp_local.py PIPELINE.py FUNCTION DIRECTORY [NAME=JSON…]`` runs it with these parameters and writes its
outputs to ``DIRECTORY/outputs.json``.

With ``use_venv=False`` every step begins with ``python3 -m pip install`` in this very environment, and with
ensurepip, even ``apt-get install``, where the shell finds no command ``pip``. Variables such as ``PIP_DRY_RUN`` do
not close that: ensurepip removes them. So the steps find another ``pip`` before any real one, as a command and as a
module; it installs nothing, and fails when something is missing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

CHECK_INSTEAD_OF_INSTALLING = """
import sys
from importlib.metadata import version
from packaging.requirements import Requirement

for word in sys.argv[2:]:
    if not word.startswith("-"):
        wanted = Requirement(word)
        if wanted.marker is None or wanted.marker.evaluate():
            if not wanted.specifier.contains(version(wanted.name)):
                sys.exit(f"{word} is not installed")
"""


def prepare_environment(directory: Path) -> None:
    """What the steps, which inherit it, find: the other pip, and a place for what they leave behind."""
    (directory / "pip.py").write_text(CHECK_INSTEAD_OF_INSTALLING)
    command = directory / "pip"
    command.write_text("#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    os.environ["PYTHONPATH"] = str(directory)
    os.environ["PATH"] = f"{directory}{os.pathsep}{os.environ['PATH']}"
    os.environ["TMPDIR"] = str(directory)


def run(pipeline: Any, parameters: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The outputs: a parameter as it is, an artifact as its metadata and the path of its content."""
    from kfp import dsl, local

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(directory / "outputs"))
    outputs = pipeline(**parameters).outputs
    return {
        name: {"metadata": value.metadata, "path": value.path} if isinstance(value, dsl.Artifact) else value
        for name, value in outputs.items()
    }


def load(file: str, function: str) -> Any:
    """What ``function`` stands for in the Python file."""
    spec = importlib.util.spec_from_file_location("pipeline", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


if __name__ == "__main__":
    file, function, where, *assignments = sys.argv[1:]
    parameters = {name: json.loads(value) for name, _, value in (text.partition("=") for text in assignments)}
    prepare_environment(Path(where))
    result = run(load(file, function), parameters, Path(where))
    (Path(where) / "outputs.json").write_text(json.dumps(result))
