"""Named pipes that a build waits at, until the test lets it go on."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path


def open_when_waited_for(path: Path, seconds: float = 30.0) -> int:
    """The writing end, when somebody reads from the pipe; the reader goes on when it is closed."""
    begin = time.monotonic()
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads yet
                raise
            assert time.monotonic() - begin < seconds, "nobody came to the gate in time"
            time.sleep(0.002)
