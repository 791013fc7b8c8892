"""An interactive shell on a terminal of its own, typed into key by key."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)|[\x07\r]")
_BACK = re.compile(r".\x08", re.DOTALL)
TAB = "\t"
PROMPT = "ready> "


class Shell:
    """What is typed, and what appears."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._written = ""

    def type(self, keys: str) -> None:
        """Type, and forget what was on the screen before."""
        self._written = ""
        os.write(self._master, keys.encode())

    def until(self, text: str, *, seconds: float = 30.0) -> str:
        """What has appeared since the last keys, once ``text`` has; fails when it does not."""
        deadline = time.monotonic() + seconds
        while text not in (seen := _BACK.sub("", _CONTROL.sub("", self._written))):
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not appear: {seen!r}"
            if select.select([self._master], [], [], left)[0]:
                self._written += os.read(self._master, 65536).decode(errors="replace")
        return seen


@contextmanager
def shell(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Shell]:
    """Start it, and kill it at the end."""
    process, master = pty.fork()
    if process == 0:
        try:
            os.execvpe(command[0], list(command), {**environment, "TERM": "dumb", "COLUMNS": "200"})
        finally:
            os._exit(127)
    try:
        yield Shell(master)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(master)
