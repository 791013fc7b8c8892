from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepcache.errors import InputError
from stepcache.executors import lightweight
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.pip_options import PipOptions
from stepcache.executors.environments.request import Request

_COMMANDS = json.loads((Path(__file__).parents[2] / "data/lightweight_commands.json").read_text())


def test_equal_sets_are_equal_requests(interpreter: Interpreter) -> None:
    one = Request.of(["Pandas >= 2, <3", "scikit_learn[b,a]", "pandas<3,>=2"])
    other = Request.of(["scikit-learn[a, b]", "pandas<3,>=2"])
    assert one == other
    assert one.digest(interpreter) == other.digest(interpreter)


@pytest.mark.parametrize(
    ("requirements", "options"),
    [
        (["pandas"], []),
        (["pandas<3"], ["--pre"]),
        (["pandas<3"], ["--extra-index-url", "https://a.example/simple"]),
        (["pandas<3"], ["--no-binary", ":all:"]),
        (["pandas<3", "numpy"], []),
    ],
)
def test_another_set_is_another_request(
    requirements: list[str], options: list[str], interpreter: Interpreter
) -> None:
    assert Request.of(requirements, options).digest(interpreter) != Request.of(["pandas<3"]).digest(interpreter)


def test_another_python_is_another_request(interpreter: Interpreter) -> None:
    request = Request.of(["pandas"])
    other = Interpreter(interpreter.path, "3.99.1", interpreter.implementation, interpreter.platform)
    assert request.digest(other) != request.digest(interpreter)


def test_credentials_are_no_part_of_what_is_kept(interpreter: Interpreter) -> None:
    request = Request.of(
        ["a @ https://me:secret@h/a.whl"],
        ["-i", "https://me:secret@h/s", "--extra-index-url=https://me:secret@x/s", "-f", "https://me:secret@y/"],
    )
    assert "secret" not in json.dumps(request.document(interpreter))
    assert "secret" not in str(request)


def test_urls_and_paths_stay_as_they_are() -> None:
    assert Request.of([" git+https://h/x.git@main ", "/wheels/a.whl"]).requirements == (
        "/wheels/a.whl",
        "git+https://h/x.git@main",
    )


def test_a_requirement_is_one_line() -> None:
    with pytest.raises(InputError, match="character that cannot be part"):
        Request.of(["a\n--index-url https://b.example"])


@pytest.mark.parametrize("recorded", _COMMANDS, ids=lambda one: f"{one['sdk']} {one['case']}")
def test_every_command_of_the_sdk_makes_a_request(recorded: dict[str, Any]) -> None:
    component = lightweight.parse(recorded["command"], recorded["args"])
    assert component is not None
    request = Request.of_component(component)
    assert (request is None) == (not component.requirements)
    if request is not None:
        asked = recorded["case"] == "own kfp" and recorded["sdk"] != "2.0.1"
        assert ("kfp==2.7.0" in request.requirements) == asked


def test_options_are_read_in_every_form() -> None:
    words = [
        "--index-url=https://a/s",
        "-f",
        "/wheels",
        "--find-links=https://b/l",
        "--trusted-host",
        "https://u:p@c:8/x",
    ]
    words += [
        "--trusted-host",
        "d",
        "--pre",
        "-q",
        "--upgrade",
        "--timeout",
        "5",
        "--no-binary",
        "x,y",
        "--no-deps",
    ]
    assert PipOptions.parse(words) == PipOptions(
        index_url="https://a/s",
        find_links=("/wheels", "https://b/l"),
        trusted_hosts=("c:8", "d"),
        pre=True,
        no_deps=True,
        no_binary=("x", "y"),
    )


@pytest.mark.parametrize(
    "words", [["-r", "more.txt"], ["--target=/x"], ["-e", "."], ["--platform", "any"], ["--what"]]
)
def test_an_option_is_never_dropped_silently(words: list[str]) -> None:
    with pytest.raises(InputError, match=words[0].partition("=")[0]):
        PipOptions.parse(words)


def test_an_option_without_its_value() -> None:
    with pytest.raises(InputError, match="--index-url of pip has no value"):
        PipOptions.parse(["-i"])
