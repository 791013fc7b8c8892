"""What a step runs on when it runs as a subprocess: the part of the strict key that names it."""

from __future__ import annotations

import hashlib
import os
import sys

from stepcache.executors.distributions import installed

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}


def describe() -> dict[str, str]:
    """Kind of executor, Python, platform, and a hash over every installed distribution (architecture.md, keys).

    stepcache itself is left out of the hash: its upgrade invalidates nothing. An editable installation counts by
    its version, so a change of its source is not noticed. Read anew at every call, in 1 to 2 ms.
    """
    return {
        "kind": "subprocess",
        "python": _python_version(),
        "implementation": _IMPLEMENTATIONS.get(sys.implementation.name, sys.implementation.name),
        "platform": f"{sys.platform}-{os.uname().machine}",
        "lock": hashlib.sha256(lock_text().encode("utf-8", "surrogateescape")).hexdigest(),
    }


def lock_text() -> str:
    """One line for every installed distribution but stepcache, ``name==version``, sorted: what the hash is over."""
    return "\n".join(sorted(f"{name}=={version}" for name, version in installed().items() if name != "stepcache"))


def _python_version() -> str:
    version = sys.version_info
    suffix = "" if version.releaselevel == "final" else f"{version.releaselevel}{version.serial}"
    return f"{version.major}.{version.minor}.{version.micro}{suffix}"
