"""The environment variables of a step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PASSED_THROUGH = frozenset(
    {
        # who and where the user is: programs refuse to start, or look for their settings, without these
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        # how text and time are written
        "LANG",
        "TZ",
        # how the network is reached
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        # which of the machine's devices are this user's share
        "CUDA_VISIBLE_DEVICES",
    }
)
"""Variables that a step gets from the engine's environment when they are set there, ``LC_*`` aside.

They say where a step runs, not what it does, so they enter no key; their values are never stored or printed. What
chooses the code that runs (``PYTHON*``, ``LD_*``, ``PIP_*``, ``UV_*``, ``VIRTUAL_ENV``) or holds a credential is
not among them: a component that needs such a variable declares it, and then it is part of the key.
"""

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def build(declared: Mapping[str, str], inherited: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """The complete environment of a step whose temporary files go to the directory ``temporary``.

    In rising precedence: what is passed through of ``inherited``, what the engine sets, what the step declares.
    """
    return common(inherited) | {"TMPDIR": str(temporary)} | dict(declared)


def common(inherited: Mapping[str, str]) -> dict[str, str]:
    """What is the same for every step of an engine that does not declare it."""
    passed = {name: value for name, value in inherited.items() if is_passed_through(name)}
    return {"PATH": _DEFAULT_PATH} | passed | {"PYTHONUNBUFFERED": "1"}


def is_passed_through(name: str) -> bool:
    """Whether a variable of the engine's environment reaches the step."""
    return name in PASSED_THROUGH or name.startswith("LC_")
