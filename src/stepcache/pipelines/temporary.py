"""Where the temporary files of steps are: below the system's own directory for such files, in one of each user.

Not below the artifact store, whose path is long: a socket's path has 108 bytes at most, and programs make sockets
among their temporary files.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from stepcache.artifacts.scratch import Scratch
from stepcache.errors import StepcacheError


def of_user() -> Scratch:
    """The directory of the calling user; made if need be, for nobody else to enter.

    Raises StepcacheError when something of somebody else has its name.
    """
    directory = Path(tempfile.gettempdir()) / f"stepcache-{os.getuid()}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise StepcacheError(
            f"{directory} belongs to somebody else, or others may write to it",
            remedy="remove it, or set TMPDIR to a directory of your own",
        )
    return Scratch(directory)
