import subprocess
import sys
from pathlib import Path

import pytest

from stepcache.cli.main import COMMANDS
from tests.cli.running import COMMAND

HEAVY = (
    "asyncio",
    "google",
    "argcomplete",
    "humanfriendly",
    "kfp",
    "rich",
    "sqlite3",
    "yaml",
    "multiprocessing",
    "concurrent",
    "importlib.metadata",
)


def _call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command_and_shows_an_example() -> None:
    ended = _call("--help")
    assert ended.returncode == 0
    assert all(f"  {name}" in ended.stdout for name in COMMANDS)
    assert "example:" in ended.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    ended = _call(command, "--help")
    assert ended.returncode == 0
    assert f"usage: stepcache {command}" in ended.stdout
    assert "example" in ended.stdout
    assert "--home" in ended.stdout


@pytest.mark.parametrize("action", ["ls", "show", "rm"])
def test_every_action_has_help_with_an_example(action: str) -> None:
    ended = _call("entries", action, "--help")
    assert ended.returncode == 0
    assert f"usage: stepcache entries {action}" in ended.stdout
    assert f"  stepcache entries {action} " in ended.stdout
    assert "--home" in ended.stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    program = (
        "import sys\nfrom stepcache.cli.main import main\n"
        f"try:\n    main({[command, '--help'] if command else ['--help']!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("run",), ("run", "x", "--max-parallel", "0")])
def test_wrong_usage_is_exit_code_two(arguments: tuple[str, ...]) -> None:
    assert _call(*arguments).returncode == 2


def test_places_are_accepted_on_both_sides_of_the_command(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.yaml")
    for arguments in (["--home", str(tmp_path), "run", missing], ["run", "--home", str(tmp_path), missing]):
        ended = _call(*arguments)
        assert ended.returncode == 2
        assert "cannot read" in ended.stderr


def test_version() -> None:
    assert _call("--version").stdout.startswith("stepcache ")
