"""Which lightweight steps may be forked from a worker instead of starting an interpreter, and from which worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stepcache.executors import environment, lightweight
from stepcache.executors.step import Worker, WorkerCall

_PREFIXES = ("PYTHON", "LD_", "MALLOC_", "LC_")
_NAMES = frozenset({"GLIBC_TUNABLES", "GCONV_PATH", "HOME", "LANG", "LOCPATH", "TZDIR"})


def counts_at_start(name: str) -> bool:
    """Whether an environment variable has its effect when an interpreter starts, and none later.

    ``HOME`` says where the user's own site-packages are.
    """
    return name.startswith(_PREFIXES) or name in _NAMES


def call(
    interpreter: str | Path,
    declared: Mapping[str, str],
    inherited: Mapping[str, str],
    *,
    prefix: Path | None = None,
    sites: tuple[Path, ...] = (),
) -> WorkerCall | None:
    """How a lightweight component (``lightweight.command``) may be forked; None if it has to run by exec.

    ``interpreter`` is what the worker runs on, ``declared`` are the component's environment variables, and
    ``inherited`` those of the engine. ``prefix`` and ``sites`` are as in ``WorkerCall``.
    """
    if any(counts_at_start(name) for name in declared):
        return None
    variables = environment.common(inherited) | lightweight.ENVIRONMENT
    return WorkerCall(
        Worker(str(interpreter), variables),
        prefix=None if prefix is None else str(prefix),
        sites=tuple(map(str, sites)),
    )
