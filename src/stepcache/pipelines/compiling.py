"""From a Python file to the pipeline that the user's KFP SDK compiles of it, in a process of its own.

KFP is never imported here: the file runs beside stepcache, not inside of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from stepcache.errors import InputError
from stepcache.pipelines import input_file

_PROGRAM = Path(__file__).with_name("compiler_process.py")
_TAIL = 20
"""How many of the last lines of a process's output are shown when it ends without a word."""


def compile_file(path: Path, function: str) -> bytes:
    """The YAML of the pipeline that ``function`` of the file is, or of its only pipeline if that is empty.

    A file without a pipeline but with one component has that component compiled, as by the SDK. The file runs with
    this process's interpreter, environment and working directory. What it prints is dropped. Raises InputError when
    it fails, showing the end of its traceback, or when there is not exactly one pipeline to choose.
    """
    with tempfile.TemporaryDirectory(prefix="stepcache-compile-") as directory:
        code, output = _run(path, function, Path(directory))
        if code == 0:
            return input_file.read(Path(directory) / "pipeline.yaml", remedy="compile a smaller pipeline")
        try:
            report = json.loads((Path(directory) / "report.json").read_bytes())
        except (OSError, ValueError):
            raise _ended(path, code, output) from None
    raise _failed(path, report) if "error" in report else _undecided(path, function, report)


def _run(path: Path, function: str, directory: Path) -> tuple[int, str]:
    """The exit code of the program above, and the end of what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "_KFP_RUNTIME"}
    with (directory / "output").open("w+b") as output:  # no pipe: a daemon of the file's would keep it open
        ended = subprocess.run(
            [sys.executable, "-P", _PROGRAM, path, function, directory],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            check=False,
        )
        output.seek(max(0, output.seek(0, os.SEEK_END) - 10_000))
        return ended.returncode, output.read().decode(errors="backslashreplace")


def _failed(path: Path, report: dict[str, Any]) -> InputError:
    place = f"{path}, line {report['line']}," if report["line"] else f"{path}"
    remedy = f"correct it; 'kfp dsl compile --py {path}' shows the same error"
    if "No module named 'kfp'" in report["error"]:
        remedy = f"install the KFP SDK beside stepcache: {sys.executable} -m pip install kfp"
    return InputError(f"{place} does not compile: {report['error']}{_quoted(report['traceback'])}", remedy=remedy)


def _ended(path: Path, code: int, output: str) -> InputError:
    how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
    return InputError(
        f"{path} does not compile: its process ended {how}{_quoted(output.splitlines()[-_TAIL:])}",
        remedy="see that the file can be imported without ending the interpreter",
    )


def _undecided(path: Path, function: str, report: dict[str, Any]) -> InputError:
    names: list[str] = report["pipelines"] or report["components"]
    kind = "pipelines" if report["pipelines"] or not names else "components"
    listed = ", ".join(names) or "none"
    if function:
        from difflib import get_close_matches

        close = get_close_matches(function, names, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        return InputError(
            f"{path} has no pipeline '{function}' ({hint}its {kind}: {listed})",
            remedy=f"name one of them: {path}:NAME" if names else "decorate a function with @kfp.dsl.pipeline",
        )
    if names:
        return InputError(f"{path} defines several {kind}: {listed}", remedy=f"name one of them: {path}:{names[0]}")
    return InputError(f"{path} defines no pipeline", remedy="decorate a function with @kfp.dsl.pipeline")


def _quoted(lines: list[str]) -> str:
    return "".join(f"\n  | {line}" for line in lines)
