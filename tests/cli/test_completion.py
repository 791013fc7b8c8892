"""Completion, in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepcache.cli.main import COMMANDS
from tests.cli.running import call, document
from tests.cli.shells import PROMPT, TAB, Shell, shell
from tests.pipelines.nested import chain
from tests.servers.missing import missing

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
START = {
    "bash": f"PS1='{PROMPT}'; source <(stepcache completion bash); echo load''ed\n",
    "zsh": f"PS1='{PROMPT}'; autoload -U compinit && compinit -u -D; source <(stepcache completion zsh);"
    " echo load''ed\n",
}


def environment(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "STEPCACHE_HOME": str(home), "HOME": str(home.parent)}


def installed(name: str) -> str:
    found = shutil.which(name)
    return found or missing(f"{name} is not installed; see scripts/test-requirements")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run."""
    directory = tmp_path_factory.mktemp("completion")
    (directory / "trace").touch()
    pipeline = chain(directory / "chain.yaml", directory / "trace")
    home = directory / "home"
    assert call(home, "run", pipeline).returncode == 0
    return home


@pytest.fixture(params=SHELLS)
def typed(request: pytest.FixtureRequest, home: Path) -> Iterator[Shell]:
    name = request.param
    installed(name)
    with shell(SHELLS[name], environment(home)) as started:
        started.type(START[name])
        started.until("loaded")
        yield started


def test_a_shell_completes_a_command_and_an_option(typed: Shell) -> None:
    typed.type(f"stepcache sho{TAB}latest --outp{TAB}")
    typed.until("show latest --outputs")


def test_a_shell_completes_the_run_and_its_task(typed: Shell, home: Path) -> None:
    (run,) = _completions(home, "stepcache logs ")[1:]
    typed.type(f"stepcache logs {run[:6]}{TAB}inner/add-2{TAB}")
    typed.until(f"{run} inner/add-2")


def test_fish_completes_commands_and_runs(home: Path) -> None:
    fish = installed("fish")
    for line, expected in (("stepcache ho", []), ("stepcache sho", ["show"]), ("stepcache show l", ["latest"])):
        ended = subprocess.run(
            [fish, "--no-config", "-c", f"stepcache completion fish | source; complete -C '{line}'"],
            env=environment(home),
            capture_output=True,
            text=True,
            check=True,
        )
        assert [told.split("\t")[0].strip() for told in ended.stdout.splitlines()] == expected


def _completions(home: Path, line: str, *, variables: dict[str, str] | None = None) -> list[str]:
    """What bash would be told, by the protocol of argcomplete."""
    program = (
        'exec 8>&1; COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9 _ARGCOMPLETE=1'
        " _ARGCOMPLETE_SHELL=bash IFS=$'\\013' stepcache 1>/dev/null"
    )
    ended = subprocess.run(
        ["bash", "-c", program, "bash", line],
        env=environment(home) | (variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return [word.strip() for word in ended.stdout.split("\013") if word.strip()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stepcache ", list(COMMANDS)),
        ("stepcache entries ", ["ls", "show", "rm"]),
        ("stepcache entries ls --order l", ["largest"]),
        ("stepcache runs --pipeline ", ["chain"]),
        ("stepcache runs --state F", ["FAILED"]),
        ("stepcache show la", ["latest"]),
        ("stepcache logs latest ", ["inner", "inner/add-0", "inner/add-1", "inner/add-2"]),
        ("stepcache rerun latest --from inner/add-1", ["inner/add-1"]),
        ("stepcache rerun latest --ref", ["--refresh", "--refresh-env"]),
        ("stepcache logs nothing ", []),
        ("stepcache completion z", ["zsh"]),
    ],
)
def test_what_a_line_may_go_on_with(home: Path, line: str, expected: list[str]) -> None:
    assert sorted(_completions(home, line)) == sorted(expected)


def test_keys_are_completed(home: Path) -> None:
    keys = _completions(home, "stepcache entries show ")
    assert len(keys) == 4
    assert {len(key) for key in keys} == {64}


def test_a_store_that_is_not_there_or_on_a_server_completes_nothing(home: Path, tmp_path: Path) -> None:
    assert _completions(tmp_path / "none", "stepcache show ") == ["latest"]
    assert not (tmp_path / "none").exists()
    elsewhere = {"STEPCACHE_STORE": "postgresql://nobody@192.0.2.1/none"}
    assert _completions(home, "stepcache show ", variables=elsewhere) == ["latest"]


def test_a_file_is_completed_by_its_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    assert _completions(home, "stepcache run cha") == ["chain.yaml"]


def test_a_shell_that_is_not_known_is_refused(home: Path) -> None:
    assert call(home, "completion", "csh").returncode == 2
    assert document(call(home, "runs", "--json", "--limit", "1"))
