"""The artifacts of a run against what the pipeline declares.

KFP itself cannot be given any: its server takes parameters only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stepcache.pipelines.model import ArtifactSpec
from stepcache.pipelines.root_inputs import Given

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")


def resolve(declared: Mapping[str, ArtifactSpec], given: Given) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The addresses of the declared artifacts (see ``RootInputs.artifacts``), and the problems with them.

    A problem is an artifact that is missing, a path with nothing there or that cannot be read, and several
    addresses for one artifact. What a URI leads to is not looked at, nor are names that are not declared.
    """
    addresses: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for name, artifact in declared.items():
        places = given.artifacts.get(name, ())
        if not places and not artifact.optional:
            problems.append(f"artifact '{name}' is missing ({_type(artifact)})")
        elif len(places) > 1 and not artifact.is_list:
            problems.append(f"artifact '{name}' is one artifact, and {len(places)} are given")
        found = []
        for place in places:
            try:
                found.append(_address(place))
            except (ValueError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                problems.append(f"artifact '{name}': {place or 'nothing'} {reason}")
        if found:
            addresses[name] = tuple(found)
    return addresses, problems


def _type(artifact: ArtifactSpec) -> str:
    title = artifact.schema.get("schemaTitle", "system.Artifact")
    return f"a list of {title}" if artifact.is_list else title


def _address(place: str) -> str:
    """``place`` as an absolute path or a URI. Raises ValueError, or OSError, with what is said of the place."""
    if _URI.match(place):
        parts = urlsplit(place)
        if parts.scheme.lower() != "file":
            return place
        if parts.netloc not in {"", "localhost"}:
            raise ValueError("is a file on another machine")
        place = unquote(parts.path)
    if not place:
        raise ValueError("is no path or URI")
    # neither follows links nor refuses a ~ that names nobody, as the methods of Path do
    path = Path(os.path.abspath(os.path.expanduser(place)))  # noqa: PTH100, PTH111
    if not path.exists():
        raise ValueError("is not there")
    if not path.is_file() and not path.is_dir():
        raise ValueError("is neither a file nor a directory")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise ValueError("cannot be read")
    return str(path)
