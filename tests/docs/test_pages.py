"""The console examples of a page, run in order in one place, as its reader would type them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.expected import Names
from tests.docs.workshop import furnish
from tests.documents import IN_ORDER, ROOT, commands


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPCACHE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "STEPCACHE_HOME": str(directory / "home"), "TZ": "UTC"}


@pytest.mark.parametrize("page", IN_ORDER)
def test_the_commands_of_a_page_do_what_it_shows(page: str, tmp_path: Path) -> None:
    furnish(tmp_path)
    names = Names()
    listed = list(commands(ROOT / "docs" / page))
    assert listed
    for command in listed:
        ended = subprocess.run(
            ["sh", "-c", names.in_command(command.line)],
            cwd=tmp_path,
            env=_environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        is_error = "stepcache: " in command.shown
        assert (ended.returncode != 0) is is_error, f"{command}: {ended.stdout}"
        if command.shown:
            assert names.match(command.shown, ended.stdout), f"{command} printed:\n{ended.stdout}"
