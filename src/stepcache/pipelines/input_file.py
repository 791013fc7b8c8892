"""A file that the user names, read whole."""

from __future__ import annotations

from pathlib import Path

from stepcache.errors import InputError

LARGEST = 32 * 1024 * 1024
"""How many bytes a file may have: what KFP's server accepts (``MaxFileLength`` in ``backend/src/apiserver``)."""


def read(path: Path, *, remedy: str) -> bytes:
    """What the file holds; pipes and devices are read too, but no more than ``LARGEST`` bytes of anything.

    Raises InputError, with ``remedy``, when there is no such file, it cannot be read, or it is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {reason}", remedy=remedy) from error
    if len(data) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST >> 20} MiB", remedy=remedy)
    return data
