"""Lightweight components as steps: run as KFP's command says, or forked from a worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import sys
import textwrap
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepcache.executors import environment, lightweight, warm_start
from stepcache.executors.running_step import RunningStep
from stepcache.executors.step import StepCommand, StepExit, WorkerCall
from stepcache.executors.supervisor import Supervisor

_HEADER = "import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\n"
_VARIES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}|0x[0-9a-f]{6,}|(?<=refcount : )\d+|\d+(?= more times)")


@dataclass(frozen=True)
class Component:
    """A function ``step`` without parameters, in a directory of its own that is made anew for each run."""

    place: Path
    source: str
    """A whole module, or the body of the function, which may return a dict."""
    declared: Mapping[str, str]
    interpreter: str

    @classmethod
    def at(cls, place: Path, source: str, *, interpreter: str = sys.executable, **declared: str) -> Component:
        source = textwrap.dedent(source).strip("\n")
        if "def step(" not in source:
            source = "def step() -> dict:\n" + textwrap.indent(source, "    ")
        return cls(place, _HEADER + source + "\n", declared, interpreter)

    @property
    def directory(self) -> Path:
        return self.place / "work"

    @property
    def log(self) -> Path:
        return self.place / "step.log"

    def command(
        self, *, forked: bool, inherited: Mapping[str, str] = os.environ, call: WorkerCall | None = None
    ) -> StepCommand:
        shutil.rmtree(self.place, ignore_errors=True)
        self.directory.mkdir(parents=True)
        (self.place / "tmp").mkdir()
        module = self.place / lightweight.MODULE_NAME
        module.write_text(self.source, encoding="utf-8")
        outputs = {"parameters": {"Output": {"outputFile": str(self.place / "o")}}}
        document = {"inputs": {}, "outputs": {**outputs, "outputFile": str(self.place / "executor_output.json")}}
        argv = (self.interpreter, "-m", lightweight.EXECUTOR, "--component_module_path", str(module))
        return StepCommand(
            (*argv, "--executor_input", json.dumps(document), "--function_to_execute", "step"),
            environment.build({**self.declared, **lightweight.ENVIRONMENT}, inherited, self.place / "tmp"),
            self.directory,
            self.log,
            (call or warm_start.call(self.interpreter, self.declared, inherited)) if forked else None,
        )

    async def run(
        self,
        supervisor: Supervisor,
        *,
        forked: bool,
        inherited: Mapping[str, str] = os.environ,
        call: WorkerCall | None = None,
    ) -> Ended:
        running = await supervisor.run(self.command(forked=forked, inherited=inherited, call=call))
        return self.ended(await running.wait())

    def ended(self, how: StepExit) -> Ended:
        written = self.place / "executor_output.json"
        document = json.loads(written.read_text()) if written.exists() else None
        log = self.log.read_bytes().decode(errors="surrogateescape")
        return Ended(how, _VARIES.sub("?", log), document)


@dataclass(frozen=True)
class Ended:
    """All that a step leaves. What differs from run to run in the log is replaced."""

    how: StepExit
    log: str
    written: Any
    """KFP's executor output."""


def is_forked(step: RunningStep) -> bool:
    """Whether a running step was forked from a worker, whose environment the kernel still shows for it."""
    return b"TMPDIR=" not in Path(f"/proc/{step.process.pid}/environ").read_bytes()


def make_environment(directory: Path, *, kfp: bool = True, sitecustomize: str = "") -> str:
    """A virtual environment with the packages of this one, or with none; the path of its interpreter."""
    venv.create(directory, symlinks=True)
    packages = site_packages(directory)
    if kfp:
        (packages / "shared.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    (packages / "sitecustomize.py").write_text(textwrap.dedent(sitecustomize))
    return str(directory / "bin" / "python")


def site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
