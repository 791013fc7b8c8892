"""Runs ``stepcache gc`` again and again, each time in a child that kills itself at a chosen step.

Each line that it reads names a home and a step; -1 is none. It answers with the child's exit code, negative for a
signal. A step is whatever changes something: a call to the file system, a lock, a statement to the database.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from typing import Any

from stepcache.cache.retention.collector import Collector
from stepcache.cli import gc_report, gc_work, main
from stepcache.executors.environments import unused_layers
from stepcache.pipelines import engine
from stepcache.stores.sqlite.database import SqliteDatabase

COMMAND = ("gc", "--older-than", "P30D", "--runs", "--verify", "--json")
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.utime", "fcntl.flock"}
LOADED = (asyncio, gc_report, gc_work, engine)
"""What every child would import."""


class Steps:
    """Counts steps, and kills the process before the one with the number ``last``."""

    def __init__(self, last: int) -> None:
        self._left = last
        sys.addaudithook(self._audit)
        connect = SqliteDatabase._connect_writer

        def traced(database: SqliteDatabase) -> sqlite3.Connection:
            connection = connect(database)
            connection.set_trace_callback(lambda _: self._step())
            return connection

        SqliteDatabase._connect_writer = traced  # type: ignore[assignment, method-assign]

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_written = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or is_written:
            self._step()

    def _step(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def collect(home: str, step: int) -> int:
    """In a child."""
    child = os.fork()
    if not child:
        code = 1
        try:
            defaults = Collector.__init__.__kwdefaults__
            assert defaults is not None
            defaults["stray_age"] = 0.0
            unused_layers._LONGEST_WORK = 0.0  # type: ignore[misc]
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
            Steps(step)
            code = main.main(["--home", home, *COMMAND])
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        place, _, number = line.strip().rpartition(" ")
        print(collect(place, int(number)), flush=True)
