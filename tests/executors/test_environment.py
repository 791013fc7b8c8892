from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.executors.environment import PASSED_THROUGH, build, is_passed_through

_DIRECTORY = Path("/run/step")
_CHOSEN = {"TMPDIR": str(_DIRECTORY), "PYTHONUNBUFFERED": "1"}


def test_what_is_passed_through_what_is_set_and_what_is_not() -> None:
    inherited = {
        "PATH": "/opt/bin:/bin",
        "HOME": "/home/me",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://user:secret@proxy",
        "PYTHONPATH": "/leak",
        "LD_LIBRARY_PATH": "/leak",
        "AWS_SECRET_ACCESS_KEY": "leak",
        "TMPDIR": "/shared",
    }
    expected = {name: inherited[name] for name in ("PATH", "HOME", "LC_ALL", "https_proxy")}
    assert build({}, inherited, _DIRECTORY) == expected | _CHOSEN


def test_a_declared_variable_wins() -> None:
    declared = {"PATH": "/mine", "TMPDIR": "/big", "PYTHONUNBUFFERED": "", "PYTHONPATH": "/asked-for"}
    assert build(declared, {"PATH": "/theirs"}, _DIRECTORY) == declared


def test_there_is_always_a_path() -> None:
    assert build({}, {}, _DIRECTORY)["PATH"] == "/usr/local/bin:/usr/bin:/bin"


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "LD_PRELOAD",
        "PIP_INDEX_URL",
        "UV_INDEX",
        "VIRTUAL_ENV",
        "LC",
        "path",
    ],
)
def test_what_could_choose_the_code_that_runs_is_not_passed_through(name: str) -> None:
    assert not is_passed_through(name)


_NAMES = st.text() | st.sampled_from(sorted(PASSED_THROUGH | {"PYTHONPATH", "TMPDIR", "LC_TIME", "LD_PRELOAD"}))


@given(st.dictionaries(_NAMES, st.text(), max_size=9), st.dictionaries(_NAMES, st.text(), max_size=9))
def test_nothing_comes_from_anywhere_else(declared: dict[str, str], inherited: dict[str, str]) -> None:
    for name, value in build(declared, inherited, _DIRECTORY).items():
        if name in declared:
            assert value == declared[name]
        elif name in _CHOSEN:
            assert value == _CHOSEN[name]
        elif name in inherited:
            assert value == inherited[name]
            assert name in PASSED_THROUGH or name.startswith("LC_")
        else:
            assert name == "PATH"


def test_the_documentation_lists_every_variable() -> None:
    text = (Path(__file__).parents[2] / "docs/steps.md").read_text()
    assert [name for name in [*PASSED_THROUGH, "LC_*", *_CHOSEN] if f"`{name}`" not in text] == []
