"""The process that steps of one environment are forked from: a program of its own, on the environment's Python.

It has imported the module that runs the steps, and nothing else that a step could see; has one thread; knows no
step's arguments or variables; and is no ancestor of a step that runs::

    supervisor ──socket──▶ worker ──fork──▶ (ends at once) ──fork──▶ reaper ──fork──▶ step ──▶ its children
        └── parent of the worker, and by adoption of the reaper

For each byte that the supervisor sends it, with a socket, it forks a reaper that talks over that socket (see
``cradle``). It ends with the supervisor, and by itself when its steps would not be what they are to be: with more
than one thread, a fork copies locks that nobody will ever release.
"""

from __future__ import annotations

import runpy
import sys


def main(channel: str, supervisor: str, module: str) -> None:
    """Serve the supervisor of this process id over ``channel``. Returns in the process of a step, after its end."""
    # Not under its own name, which it gets in the step.
    runpy.run_module(module)
    modules = frozenset(name for name in sys.modules if name.partition(".")[0] != "supervision")

    from . import cradle, fresh_start

    start = fresh_start.FreshStart(modules)
    birth = cradle.Cradle(int(channel), int(supervisor)).rock()
    birth.become(start)
    fresh_start.run(module)
