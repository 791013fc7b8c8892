"""A step that needs more than its own process: mounts of its own, or an output in which secrets are masked.

Such a step is started through a program, ``step_launcher_process``. What that program needs to know, secrets
included, travels in its environment: nothing is written to a disk, and the step does not inherit it.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepcache.executors import step_launcher_process
from stepcache.executors.private_mounts import DirectoryMount, Mount, is_in_place
from stepcache.executors.redaction import Redactor
from stepcache.executors.step import StepCommand

_PROGRAM = (sys.executable, "-I", "-S", "-X", "utf8", step_launcher_process.__file__)
_PROBE_SECONDS = 30.0


def launch(command: StepCommand, mounts: Sequence[Mount], redactor: Redactor, stage: Path) -> StepCommand:
    """``command`` with ``mounts`` in place, and what ``redactor`` finds masked in its log.

    It is returned as it is when there is nothing to mount and nothing to mask. ``stage`` is an existing directory
    of the step's own. A step that cannot be started as asked says why in its log, and ends with exit code 125 (its
    mounts) or 127 (its program). With a redactor the step's first process is the child of the one that the
    supervisor knows; exit code, signals and the process group are the same.
    """
    wanted = [mount for mount in mounts if not is_in_place(mount)]
    if not wanted and not redactor:
        return command
    document = {
        "mounts": [_mount(mount) for mount in wanted],
        "needles": [_encoded(needle) for needle in redactor.needles],
        "stage": str(stage),
    }
    return replace(
        command,
        argv=(*_PROGRAM, *command.argv),
        environment={**command.environment, **step_launcher_process.packed(json.dumps(document))},
    )


def obstacle() -> str:
    """Why this machine cannot give a step mounts of its own, in a few words; empty when it can. Tried out."""
    try:
        ended = subprocess.run(
            [*_PROGRAM, step_launcher_process.PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
            env={},
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if ended.returncode == 0 else ended.stderr.strip().rpartition("\n")[2] or "it was killed"


def _mount(mount: Mount) -> dict[str, Any]:
    if isinstance(mount, DirectoryMount):
        return {"target": mount.target, "source": mount.source, "read_only": mount.read_only}
    return {"target": mount.target, "files": {name: _encoded(data) for name, data in mount.files.items()}}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
