"""The Python distributions that are installed for this interpreter."""

from __future__ import annotations

import os
import re
import site
from collections.abc import Iterable, Sequence

_METADATA = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-.*)?\.(dist|egg)-info")
_SEPARATORS = re.compile(r"[-_.]+")


def installed(directories: Iterable[str] | None = None) -> dict[str, str]:
    """Normalised name and version of every distribution; the first directory that has one wins, as on an import.

    Without ``directories`` those of this interpreter are read, as a step sees them: the site-packages directories,
    but neither ``PYTHONPATH`` nor the directory the engine was started from, which no step gets. Only names of
    directories are read (importlib.metadata costs 20 times as much), so a distribution that names itself otherwise
    in its metadata is not noticed.
    """
    found: dict[str, str] = {}
    for directory in site_directories() if directories is None else directories:
        try:
            names = os.listdir(directory)  # noqa: PTH208 (a tenth of pathlib's cost, once per run)
        except OSError:
            continue  # an interpreter names directories that it does not have
        here = {}
        for name in sorted(names):
            if match := _METADATA.fullmatch(name):
                here[normalise(match["name"])] = match["version"]
        found = here | found
    return found


def site_directories() -> list[str]:
    """The directories that installed packages are in, in the order in which this interpreter searches them."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [*user, *site.getsitepackages()]


def normalise(name: str) -> str:
    """A distribution's name in the form that compares (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def missing_requirements(requirements: Sequence[str]) -> list[str]:
    """Those of the PEP 508 requirements that the installed distributions do not satisfy, as they were written.

    A requirement whose marker does not hold here needs nothing. What cannot be told by name and version (a URL, a
    path, an option of pip, an extra whose own requirements are not met) counts as missing.
    """
    have = installed()
    return [requirement for requirement in requirements if not _satisfied(requirement, have, frozenset())]


def _satisfied(text: str, have: dict[str, str], seen: frozenset[str]) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return False
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    version = have.get(normalise(requirement.name))
    if version is None or requirement.url is not None:
        return False
    try:
        if not requirement.specifier.contains(version, prereleases=True):
            return False
    except InvalidVersion:
        return False
    return all(
        _extra_satisfied(requirement.name, extra, have, seen)
        for extra in requirement.extras
        if f"{requirement.name}[{extra}]" not in seen
    )


def _extra_satisfied(name: str, extra: str, have: dict[str, str], seen: frozenset[str]) -> bool:
    """Whether what an extra adds is there too; extras that need one another are followed once."""
    from importlib import metadata

    from packaging.requirements import Requirement

    seen |= {f"{name}[{extra}]"}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            requirement.marker = None
            if not _satisfied(str(requirement), have, seen):
                return False
    return True
