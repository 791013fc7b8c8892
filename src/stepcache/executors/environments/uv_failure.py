"""What went wrong when uv failed, told by what it wrote."""

from __future__ import annotations

import re

from stepcache.errors import InputError, StepcacheError
from stepcache.executors.environments.credentials import mask

_LINES = 12  # of uv's output that people get to see
_NOT_THERE = re.compile(r"HTTP status client error \(4(?:04|10)\b")
_REFUSED = re.compile(r"could not be queried due to|HTTP status client error \(40[137]\b")
_UNREACHABLE = re.compile(
    r"Request failed after|Failed to fetch|error sending request|network was disabled|Failed to connect"
    r"|Could not resolve host|unable to access|timed? ?out\b|Connection (?:reset|refused)",
    re.IGNORECASE,
)
_NOT_SATISFIABLE = re.compile(
    r"No solution found|Couldn't parse requirement|Distribution not found|Failed to parse|is invalid"
    r"|Failed to read `--find-links`|conflicting|does not appear to be a Python project|Hash mismatch"
)
_NOT_BUILT = re.compile(r"Failed to build|build backend returned an error")
_OTHER_FILE = re.compile(r"Hash mismatch")


def error(doing: str, output: str) -> StepcacheError:
    """The one error for a failed command of uv, with its last lines, free of credentials.

    InputError when the requirements cannot be met by anyone: a package or version that no index has, a conflict,
    what is no requirement. Otherwise StepcacheError: an index that cannot be reached or refuses, or a package that
    cannot be built here.
    """
    lines = mask(output).rstrip().splitlines()
    shown = lines if len(lines) <= _LINES else ["…", *lines[-_LINES:]]
    told = "".join(f"\n  {line}" for line in shown)
    if _OTHER_FILE.search(output):
        return StepcacheError(
            f"{doing}: the index has another file than when the requirements were resolved{told}",
            remedy="Resolve them again with --refresh-env.",
        )
    if _REFUSED.search(output):
        return StepcacheError(
            f"{doing}: a package index refuses the request{told}",
            remedy="Give the index's credentials in its URL, in uv's settings or in ~/.netrc.",
        )
    if _NOT_BUILT.search(output) and not _UNREACHABLE.search(output):
        return StepcacheError(
            f"{doing}: a package comes as source only, and cannot be built here{told}",
            remedy="Ask for a version that has a wheel for this Python, or install what the build needs.",
        )
    if _NOT_THERE.search(output) or (_NOT_SATISFIABLE.search(output) and not _UNREACHABLE.search(output)):
        return InputError(
            f"{doing}: nothing satisfies the requirements{told}",
            remedy="Correct the component's packages_to_install and pip_index_urls.",
        )
    if _UNREACHABLE.search(output):
        return StepcacheError(
            f"{doing}: a package index cannot be reached{told}",
            remedy="See that the network and the index are there, then run the same command again.",
        )
    return StepcacheError(f"{doing}: uv failed{told}")
