"""A process that was forked from a worker becomes the process of one step: a file for the step's own Python.

It is loaded by path into an interpreter that knows nothing of stepcache, and imports the standard library only.
"""

from __future__ import annotations

import importlib
import os
import site
import sys


def activate(prefix: str) -> None:
    """Continue as if this process had been started by the Python of the overlay in the directory ``prefix``.

    The worker must have been started by an overlay of the same environment, and must not have imported more than
    it needs: what a module took from ``sys.prefix`` when it was imported stays. Sets what follows from the
    interpreter's path; environment variables are the caller's to set (``Overlay.variables``).
    Raises RuntimeError when this process runs in no overlay.
    """
    former = sys.prefix
    inside = [os.path.relpath(path, former) for path in site.getsitepackages()]
    theirs = {f"{former}/{path}": f"{prefix}/{path}" for path in inside}
    if not theirs.keys() & set(sys.path):
        raise RuntimeError(f"{sys.executable} is not the Python of an overlay")
    sys.path[:] = [theirs.get(path, path) for path in sys.path]
    site.PREFIXES[:] = [prefix if path == former else path for path in site.PREFIXES]
    sys.prefix = sys.exec_prefix = prefix
    sys.executable = f"{prefix}/bin/python3"
    importlib.invalidate_caches()
    # These took the paths when they were imported; the next import takes them anew.
    sys.modules.pop("sysconfig", None)
    if spawn := sys.modules.get("multiprocessing.spawn"):
        spawn.set_executable(sys.executable)
