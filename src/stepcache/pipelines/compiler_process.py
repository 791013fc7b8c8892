"""Compiles the pipeline in a user's Python file: a program of its own, run as ``python -P`` on this file.

    compiler_process.py FILE FUNCTION DIRECTORY

It imports nothing but the standard library and what FILE imports, the user's KFP SDK with it. FILE runs as
``python FILE`` would run it, with the same ``sys.path``, arguments and working directory, but under its own name:
what it does ``if __name__ == "__main__"`` is left undone, as by ``kfp dsl compile``. What is found is written to
DIRECTORY, since whatever FILE prints goes to standard output: ``pipeline.yaml``, or else ``report.json``, an object
with either ``error``, ``line`` (0 if unknown) and ``traceback``, or with ``pipelines`` and ``components``, the
names to choose from.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

_TAIL = 20  # lines of a traceback that are shown


def main(file: str, function: str, directory: str) -> int:
    """Compile FUNCTION of FILE, or its only pipeline if that is empty. 0 when there is a ``pipeline.yaml``."""
    sys.argv = [file]
    file = os.path.abspath(file)  # noqa: PTH100 - Path.resolve would follow links
    sys.path.insert(0, os.path.dirname(os.path.realpath(file)))  # noqa: PTH120 - what Python itself does
    try:
        module = _run(file)
        found = _choose(module, function)
        if isinstance(found, dict):
            _report(directory, found)
            return 1
        _compile(found, Path(directory))
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt end the user's file too
        _report(directory, _failure(error, file))
        return 1
    return 0


def _run(file: str) -> ModuleType:
    name = Path(file).stem
    if name in sys.modules or name in sys.stdlib_module_names:
        name = f"_pipeline_{name}"
    loader = importlib.machinery.SourceFileLoader(name, file)
    spec = importlib.util.spec_from_loader(name, loader)
    if spec is None:
        raise ImportError(f"cannot import {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    code = loader.source_to_code(loader.get_data(file), file)  # not exec_module: no __pycache__ is left behind
    exec(code, module.__dict__)  # noqa: S102 - running the user's file is what this program is for
    return module


def _choose(module: ModuleType, function: str) -> Any:
    """The pipeline to compile; a report when there is none or no single one."""
    if not {"kfp.dsl.base_component", "kfp.dsl.graph_component"} <= sys.modules.keys():  # no KFP SDK was used
        return {"pipelines": [], "components": []}
    any_kind = sys.modules["kfp.dsl.base_component"].BaseComponent
    pipeline_kind = sys.modules["kfp.dsl.graph_component"].GraphComponent
    found = {name: value for name, value in vars(module).items() if isinstance(value, any_kind)}
    if function in found:
        return found[function]
    pipelines = {name: value for name, value in found.items() if isinstance(value, pipeline_kind)}
    components = {name: value for name, value in found.items() if name not in pipelines}
    group = pipelines or components
    candidates = _distinct(_own(group, module)) or _distinct(group)
    if len(candidates) == 1 and not function:
        return next(iter(candidates.values()))
    return {"pipelines": list(_distinct(pipelines)), "components": list(_distinct(components))}


def _own(named: dict[str, Any], module: ModuleType) -> dict[str, Any]:
    """Without what the file imports from elsewhere."""
    return {name: value for name, value in named.items() if _module_of(value) == module.__name__}


def _module_of(component: Any) -> str:
    function = getattr(component, "pipeline_func", None) or getattr(component, "python_func", None)
    return getattr(function, "__module__", "")


def _distinct(named: dict[str, Any]) -> dict[str, Any]:
    """Without second names of the same pipeline."""
    return {name: value for name, value in named.items() if name == next(n for n, v in named.items() if v is value)}


def _compile(pipeline: Any, directory: Path) -> None:
    written = directory / "compiled.yaml"
    importlib.import_module("kfp.compiler").Compiler().compile(pipeline, str(written))
    text = written.read_text()  # in the encoding of the user's locale, in which the SDK writes
    (directory / "pipeline.yaml").write_text(text, encoding="utf-8")


def _failure(error: BaseException, file: str) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    mine = [index for index, frame in enumerate(frames) if frame.filename == file]
    line = frames[mine[-1]].lineno if mine else 0
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    if isinstance(error, SystemExit):
        said = f"it called sys.exit({error.code!r})"
        lines = [said]
    else:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        said = f"{type(error).__name__}: {next(iter(message.splitlines()), '')}"
        lines = traceback.format_exception_only(type(error), error)
    shown = [frame for frame in frames[mine[0] :] if not _is_kfp(frame.filename)] if mine else []
    lines = "".join([*traceback.format_list(shown), *lines]).splitlines()
    return {"error": said, "line": line or 0, "traceback": lines[-_TAIL:]}


def _is_kfp(file: str) -> bool:
    """Whether a frame is the SDK's own, which tells a user nothing."""
    kfp = sys.modules.get("kfp")
    return kfp is not None and any(file.startswith(f"{directory}{os.sep}") for directory in kfp.__path__)


def _report(directory: str, report: dict[str, Any]) -> None:
    Path(directory, "report.json").write_text(json.dumps(report), encoding="ascii")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
