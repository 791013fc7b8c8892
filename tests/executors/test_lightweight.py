from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepcache.executors import lightweight

_COMMANDS = json.loads((Path(__file__).parents[1] / "data/lightweight_commands.json").read_text())
_NUMPY = ("numpy",)
_PACKAGES = ("pandas==2.1.0", "pyarrow>=12; python_version<'3.13'", "requests[socks]~=2.31")
_GIT = "git+https://github.com/kubeflow/pipelines.git@master#subdirectory=sdk/python"
_A, _B = "https://a.example/simple", "https://b.example/simple"
# case: requirements, options of pip, whether the SDK's own version is installed
_EXPECTED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "plain": ((), (), "kfp=={sdk}"),
    "packages": (_PACKAGES, (), "kfp=={sdk}"),
    "without kfp": ((), (), None),
    "without kfp, packages": (_NUMPY, (), None),
    "own kfp": (_NUMPY, (), "kfp==2.7.0"),
    "kfp from git": (_NUMPY, (), _GIT),
    "venv": (_NUMPY, (), "kfp=={sdk}"),
    "pip options": (("torch",), ("--pre", "-f", "https://wheels.example/torch"), "kfp=={sdk}"),
    "trusted": (
        (),
        ("--index-url", _A, "--trusted-host", "a.example", "--trusted-host", "b.example"),
        "kfp=={sdk}",
    ),
    "venv, index": (
        ("yapf",),
        ("--index-url", "https://pypi.org/simple", "--trusted-host", "https://pypi.org/simple"),
        "kfp==2.14.3",
    ),
    "metrics": ((), (), "kfp==2.9.0"),
    "scikit-learn": (("scikit-learn",), (), "kfp==2.14.6"),
}
_INDEX_PAIRS = {
    ("--index-url", _A),
    ("--extra-index-url", _B),
    ("--trusted-host", _A),
    ("--trusted-host", _B),
}


def _case(name: str, sdk: str = "2.17.3") -> tuple[list[str], list[str]]:
    (found,) = (one for one in _COMMANDS if one["case"] == name and one["sdk"] == sdk)
    return found["command"], found["args"]


@pytest.mark.parametrize("recorded", _COMMANDS, ids=lambda one: f"{one['sdk']} {one['case']}")
def test_recognises_what_the_sdk_writes(recorded: dict[str, object]) -> None:
    command, args = recorded["command"], recorded["args"]
    assert isinstance(command, list)
    assert isinstance(args, list)
    component = lightweight.parse(command, args)
    assert component is not None
    assert component == lightweight.parse([*command, *args], [])
    assert component.source == command[-1]
    assert f"def {component.function}(" in component.source
    assert component.arguments == tuple(args)
    if recorded["case"] == "indexes":
        options = component.pip_options
        assert set(zip(options[::2], options[1::2], strict=True)) == _INDEX_PAIRS
        assert len(options) == 8
    elif (recorded["sdk"], recorded["case"]) == ("2.0.1", "own kfp"):
        assert component.requirements == _NUMPY  # that SDK asked for its own version too
    else:
        requirements, options, kfp = _EXPECTED[str(recorded["case"])]
        assert component.requirements == requirements
        assert component.pip_options == options
        assert component.kfp_requirement == (kfp and kfp.format(sdk=recorded["sdk"]))


@pytest.mark.parametrize("recorded", _COMMANDS, ids=lambda one: f"{one['sdk']} {one['case']}")
def test_knows_when_the_author_asks_for_kfp(recorded: dict[str, Any]) -> None:
    component = lightweight.parse(recorded["command"], recorded["args"])
    assert component is not None
    asked = recorded["case"] == "own kfp" and recorded["sdk"] != "2.0.1"
    assert component.author_kfp == ("kfp==2.7.0" if asked else None)


_WORD = st.text(
    st.characters(codec="ascii", exclude_characters="\n\r\\'\"$`", exclude_categories=["Cc"]), min_size=1
)


@given(
    st.lists(_WORD.filter(lambda word: not word.startswith("-") and "kfp" not in word and word != "&&"), min_size=1)
)
def test_requirements_are_read_as_the_sdk_writes_them(requirements: list[str]) -> None:
    command, args = _case("without kfp, packages")
    written = " ".join(map(repr, requirements))  # as in make_pip_install_command
    component = lightweight.parse([*command[:2], command[2].replace("'numpy'", written), *command[3:]], args)
    assert component is not None
    assert component.requirements == tuple(requirements)


@pytest.mark.parametrize(
    ("position", "old", "new"),
    [
        (0, "sh", "bash"),
        (1, "-c", "-x"),
        (2, "python3 -m pip install", "curl"),
        (2, "python3 -m pip install", "python3 -m pip uninstall"),
        (2, "PIP_DISABLE", "rm -rf / && PIP_DISABLE"),
        (2, '&& "$0" "$@"', '|| "$0" "$@"'),
        (2, '&& "$0" "$@"', '&& "$0"'),
        (2, '&& "$0" "$@"', '&& true "$0" "$@"'),
        (2, "'numpy'", "'numpy"),
        (4, "-ec", "-c"),
        (5, "kfp.dsl.executor_main", "my.executor"),
        (5, "program_path=$(mktemp -d)", "program_path=$(mktemp -d); echo hello"),
        (5, '"$@"', ""),
        (5, "_KFP_RUNTIME=true", "OTHER=true"),
        (5, "python3", "echo; python3"),
    ],
)
def test_someones_own_command_is_not_recognised(position: int, old: str, new: str) -> None:
    command, args = _case("packages")
    command = [*command]
    if old == "'numpy'":
        command[2] = command[2].replace("'pandas==2.1.0'", "'numpy'")
    assert old in command[position]
    command[position] = command[position].replace(old, new)
    assert lightweight.parse(command, args) is None


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ([], []),
        (["sh"], []),
        (["sh", "-c"], []),
        (["sh", "-c", "echo hello"], []),
        (["sh", "-c", ""], ["a", "b"]),
        (["sh", "-ec", "", ""], []),
        (["python3", "-m", "kfp.dsl.executor_main"], ["--executor_input", "{{$}}", "--function_to_execute", "f"]),
        (_case("plain")[0], []),
        (_case("plain")[0][:-1], ["--function_to_execute", "f"]),
        (_case("plain")[0], ["--function_to_execute"]),
    ],
)
def test_other_commands(command: list[str], args: list[str]) -> None:
    assert lightweight.parse(command, args) is None


def test_the_function_may_be_named_in_one_word() -> None:
    component = lightweight.parse(_case("plain")[0], ["--executor_input", "{{$}}", "--function_to_execute=other"])
    assert component is not None
    assert component.function == "other"


def test_the_command_runs_the_function(tmp_path: Path) -> None:
    component = lightweight.parse(*_case("plain"))
    assert component is not None
    module = tmp_path / lightweight.MODULE_NAME
    module.write_text(component.source)
    output = tmp_path / "output.json"
    executor_input = json.dumps(
        {
            "inputs": {"parameterValues": {"text": "quiet"}},
            "outputs": {
                "parameters": {"Output": {"outputFile": str(tmp_path / "Output")}},
                "outputFile": str(output),
            },
        }
    )
    argv = [
        word.replace("{{$}}", executor_input) for word in lightweight.command(component, sys.executable, module)
    ]
    done = subprocess.run(
        argv, env=lightweight.ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(output.read_text()) == {"parameterValues": {"Output": "QUIET"}}
