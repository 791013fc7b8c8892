"""The live task tree of a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.pipelines.compiled import Step, write

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FAIL = """
def fail():
    print("the last words")
    raise ValueError("no such luck")
"""


def _on_a_terminal(home: Path, pipeline: Path) -> tuple[int, str]:
    """Exit code, and everything that was shown, of a run whose standard error is a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        command = [sys.executable, "-m", "stepcache", "--home", str(home), "run", str(pipeline)]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := screen.read(65536):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        return process.wait(60), _CONTROL.sub("", shown.decode())


def test_a_terminal_shows_every_task_and_how_it_ended(tmp_path: Path) -> None:
    pipeline = write(
        tmp_path / "tree.yaml", Step("first", "def first(): pass"), Step("second", "def second(): pass")
    )
    code, shown = _on_a_terminal(tmp_path / "home", pipeline)
    assert code == 0, shown
    assert re.search(r"✓\s+first\s+executed in", shown)
    assert re.search(r"✓\s+second\s+executed in", shown)
    assert "2 executed, 0 reused" in shown
    code, shown = _on_a_terminal(tmp_path / "home", pipeline)
    assert re.search(r"✓\s+first\s+reused", shown)
    assert "0 executed, 2 reused" in shown


def test_a_terminal_shows_a_failure_and_the_end_of_its_log(tmp_path: Path) -> None:
    pipeline = write(tmp_path / "tree.yaml", Step("fail", FAIL))
    code, shown = _on_a_terminal(tmp_path / "home", pipeline)
    assert code == 1, shown
    assert re.search(r"✗\s+fail\s+failed", shown)
    assert "the last words" in shown
    assert "the whole log:" in shown
