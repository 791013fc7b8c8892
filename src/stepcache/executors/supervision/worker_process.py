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

import atexit
import gc
import importlib
import runpy
import sys

_ON_THE_WAY = ("locale", "shutil")
"""What KFP's executor, or rather argparse, imports on its way to the component, whatever that is."""


def main(channel: str, supervisor: str, module: str) -> None:
    """Serve the supervisor of this process id over ``channel``. Returns in the process of a step, after its end."""
    # Not under its own name, which it gets in the step.
    runpy.run_module(module)
    for name in _ON_THE_WAY:
        importlib.import_module(name)
    modules = frozenset(name for name in sys.modules if name.partition(".")[0] != "supervision")

    from . import cradle, early_end, fresh_start

    atexit.register(gc.unfreeze)  # in a step, whose end collects all there is
    start, end = fresh_start.FreshStart(modules), early_end.EarlyEnd(modules)
    gc.freeze()  # in a step, a collection before its end need not touch, and so copy, what all steps share
    birth = cradle.Cradle(int(channel), int(supervisor)).rock()
    birth.become(start)
    fresh_start.run(module)
    end.end()
