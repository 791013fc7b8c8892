"""One ``pip install`` as the KFP SDK writes it into a component's command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stepcache.light_dataclasses import dataclass

_PYTHON = ("python3", "python")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PRESENTATION = {"--quiet", "-q", "--no-warn-script-location", "--disable-pip-version-check"}
_WITH_VALUE = {
    *("-i", "--index-url", "--extra-index-url", "--trusted-host", "-f", "--find-links", "--proxy", "--cert"),
    *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "--no-binary", "--only-binary"),
    *("--timeout", "--retries", "--client-cert", "--platform", "--python-version", "--implementation", "--abi"),
    *("-t", "--target", "--prefix", "--root", "--src", "--upgrade-strategy", "--progress-bar", "--cache-dir"),
    *("--log", "-C", "--config-settings", "--exists-action", "--use-feature", "--use-deprecated", "--report"),
}
_KFP_NAME = re.compile(r"kfp\s*(\[[^\]]*\])?\s*($|[=<>!~@;])")
_KFP_SOURCE = re.compile(r"kubeflow/pipelines|sdk/python|(^|/)kfp([-_]\d[^/]*)?/?$")
_KFP_COMPANION = re.compile(r"typing-extensions\b.*python_version\s*<")


@dataclass(frozen=True, slots=True)
class PipInstall:
    """What one call installs. Words are as the shell reads them, except that no ``$VARIABLE`` is replaced."""

    requirements: tuple[str, ...]
    """What the component's author asks for."""
    options: tuple[tuple[str, ...], ...]
    """Each option that says where from or how to install, with its value."""
    kfp_requirement: str | None
    """The KFP SDK, by version, URL or path, when this call installs it."""

    @classmethod
    def parse(cls, words: Sequence[str]) -> PipInstall | None:
        """Read one simple command; None when it is not ``[NAME=VALUE…] python3 -m pip install …``."""
        rest = list(words)
        while rest and _ASSIGNMENT.match(rest[0]):
            del rest[0]
        if len(rest) < 4 or rest[0] not in _PYTHON or rest[1:4] != ["-m", "pip", "install"]:
            return None
        requirements, options = _split(rest[4:])
        kfp = [word for word in requirements if is_kfp(word)]
        others = [word for word in requirements if word not in kfp]
        if kfp and all(_KFP_COMPANION.match(word) for word in others):
            # The SDK's own call: it installs nothing but kfp, and has pip leave kfp's dependencies alone.
            others = []
            options = [option for option in options if option != ("--no-deps",)]
        return cls(tuple(others), tuple(options), kfp[-1] if kfp else None)


def is_kfp(requirement: str) -> bool:
    """Whether a requirement is the KFP SDK itself: by name, as a source URL, or as a local path."""
    return bool(_KFP_NAME.match(requirement) or _KFP_SOURCE.search(requirement))


def _split(words: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    requirements: list[str] = []
    options: list[tuple[str, ...]] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            requirements.append(word)
        elif word in _WITH_VALUE:
            options.append((word, *(value for value in (next(rest, None),) if value is not None)))
        elif word not in _PRESENTATION:
            options.append((word,))
    return requirements, options
