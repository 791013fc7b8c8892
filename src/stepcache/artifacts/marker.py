"""The marker that makes a directory an artifact store, and tells it from another one at the same place."""

from __future__ import annotations

import contextlib
import errno
import json
import secrets
from pathlib import Path

from stepcache.errors import ArtifactStoreUnavailableError, InputError

MARKER = "stepcache-artifacts.json"
_VERSION = 1
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def read(root: Path) -> str | None:
    """The identity in the marker of ``root``; None when there is no marker, or no such directory.

    Raises ArtifactStoreUnavailableError for a marker that this release cannot read, and OSError when it cannot be
    told whether there is one.
    """
    path = root / MARKER
    try:
        document = json.loads(path.read_bytes())
        version, identity = document["version"], document["id"]
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactStoreUnavailableError(f"{path} is damaged: {error}", remedy="put a copy back") from error
    if version != _VERSION:
        raise ArtifactStoreUnavailableError(
            f"{root} was made by a newer stepcache (its version is {version}, this one knows {_VERSION})",
            remedy="upgrade stepcache, or give another place by --artifacts and --store",
        )
    return str(identity)


def make(root: Path) -> str | None:
    """Make ``root`` an artifact store if it is none yet; its identity, or None if it was taken away meanwhile.

    Raises InputError for a directory that holds something else, and OSError.

    Race: two processes that make one root. The marker is linked into place, which only one of them can do, and
    the other reads that (``test_many_processes_may_create_a_root_at_once``).
    """
    root.mkdir(parents=True, exist_ok=True)
    strangers = [path.name for path in root.iterdir() if not path.name.startswith(f"{MARKER}.")]
    found = read(root)  # after the look: what another process has put beside its marker is no stranger
    if found is not None:
        return found
    if strangers:
        raise InputError(
            f"{root} is no artifact store and is not empty (it holds {min(strangers)})",
            remedy="give an empty or new directory by --artifacts",
        )
    new = root / f"{MARKER}.{secrets.token_hex(8)}"
    try:
        new.write_text(json.dumps({"version": _VERSION, "id": secrets.token_hex(16)}) + "\n", encoding="ascii")
        with contextlib.suppress(FileExistsError):
            (root / MARKER).hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)
    return read(root)
