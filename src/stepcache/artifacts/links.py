"""Symbolic links inside a directory that is stored: they may lead anywhere in it, and nowhere else."""

from __future__ import annotations

import errno
import os
import stat

_MOST_LINKS = 40  # as many as Linux follows (path_resolution(7))


def leads_inside(root: bytes, link: bytes) -> bool:
    """Whether the link at the relative path ``link`` below ``root`` ends at something that is there, by relative
    paths that never leave ``root``, not even on the way: it means the same wherever the directory is moved.

    Raises OSError for what cannot be read.
    """
    *place, name = link.split(b"/")
    pending, followed = [name], 0
    while pending:
        part = pending.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not place:
                return False
            place.pop()
            continue
        path = b"/".join((root, *place, part))
        try:
            mode = os.lstat(path).st_mode
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                return False
            raise
        if stat.S_ISLNK(mode):
            target, followed = os.readlink(path), followed + 1  # noqa: PTH115 - names are bytes, which Path has not
            if target.startswith(b"/") or followed > _MOST_LINKS:
                return False
            pending += reversed(target.split(b"/"))
        elif pending and not stat.S_ISDIR(mode):
            return False
        else:
            place.append(part)
    return True
