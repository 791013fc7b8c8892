"""Programs run as a step runs them: by the Python of an overlay, with its variables."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stepcache.executors import environment
from stepcache.executors.environments.overlay import Overlay


def run(overlay: Overlay, *command: str | Path, check: bool = True) -> str:
    """The output of a program, found on the step's PATH."""
    variables = overlay.variables(environment.build({"_KFP_RUNTIME": "true"}, os.environ, overlay.prefix.parent))
    done = subprocess.run(
        ["env", *map(str, command)],
        env=variables,
        cwd=overlay.prefix.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout.strip()


def python(overlay: Overlay, program: str) -> str:
    """The output of a Python program."""
    return run(overlay, overlay.python, "-c", program)
