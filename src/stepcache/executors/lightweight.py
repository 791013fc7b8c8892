"""The command that the KFP SDK writes for a lightweight Python component, taken apart.

It is a chain of shells (kfp/dsl/component_factory.py of 2.x)::

    sh -c  <see that there is pip; python3 -m pip install …, up to two times> && "$0" "$@"
    sh -ec <write $0 to a file; python3 -m kfp.dsl.executor_main --component_module_path <file> "$@">
    <source> --executor_input {{$}} --function_to_execute <name>

The first shell is absent when nothing is to be installed. What differs from this in any other word is someone's own
command, and runs as it stands.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from stepcache.executors.pip_install import PipInstall
from stepcache.light_dataclasses import dataclass

MODULE_NAME = "ephemeral_component.py"
"""The name of the file that KFP writes a component's source to."""

ENVIRONMENT = {"_KFP_RUNTIME": "true"}
"""What KFP's command sets for the component's process: ``import kfp`` then loads its run-time parts only."""

EXECUTOR = "kfp.dsl.executor_main"

_MODULE = f"$program_path/{MODULE_NAME}"
_LAUNCH = [
    ["program_path=$", "(", "mktemp", "-d", ")"],
    ["printf", "%s", "$0", ">", _MODULE],
    ["python3", "-m", EXECUTOR, "--component_module_path", _MODULE, "$@"],
]
_FORMER_EXECUTOR = "kfp.components.executor_main"  # up to 2.0
_PREPARATION = [
    'if ! [ -x "$(command -v pip)" ]; then',
    "python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip",
    "fi",
    # use_venv=True: packages go into a virtual environment on top of the image's
    "PIP_DISABLE_PIP_VERSION_CHECK=1",
    "export PIP_DISABLE_PIP_VERSION_CHECK=1",
    "tmp=$(mktemp -d)",
    'python3 -m venv "$tmp/venv" --system-site-packages',
    '. "$tmp/venv/bin/activate"',
]
_CONTINUATION = re.compile(r"\\\n")


@dataclass(frozen=True, slots=True)
class LightweightComponent:
    """A Python function, what it needs installed, and what it is called with."""

    source: str
    """The module, exactly as KFP would write it to ``MODULE_NAME``."""
    function: str
    requirements: tuple[str, ...]
    """What the author asked for, in order and as written: PEP 508 requirements, URLs or paths."""
    pip_options: tuple[str, ...]
    """Index URLs, trusted hosts and other options of pip, each once, followed by its value."""
    kfp_requirement: str | None
    """The KFP SDK that the command installs; None with ``install_kfp_package=False``."""
    arguments: tuple[str, ...]
    """What follows the source: a template with placeholders (``--executor_input {{$}} …``)."""
    author_kfp: str | None = None
    """The KFP SDK where the author names it among other packages: KFP then installs it with its dependencies."""


def parse(command: Sequence[str], args: Sequence[str]) -> LightweightComponent | None:
    """The component that a container's command and args run; None for any other command."""
    words = [*command, *args]
    installs: list[PipInstall] = []
    if len(words) > 3 and words[:2] == ["sh", "-c"]:
        found = _installs(words[2])
        if found is None:
            return None
        installs = found
        words = words[3:]
    if len(words) < 4 or words[:2] != ["sh", "-ec"] or not _is_launch(words[2]):
        return None
    function = _function(words[4:])
    if function is None:
        return None
    options = dict.fromkeys(option for install in installs for option in install.options)
    kfp = [install.kfp_requirement for install in installs if install.kfp_requirement is not None]
    # The SDK up to 2.0 adds itself to the author's packages.
    among_others = [
        one.kfp_requirement for one in installs if one.requirements and _FORMER_EXECUTOR not in words[2]
    ]
    return LightweightComponent(
        source=words[3],
        function=function,
        requirements=tuple(requirement for install in installs for requirement in install.requirements),
        pip_options=tuple(word for option in options for word in option),
        kfp_requirement=kfp[-1] if kfp else None,
        arguments=tuple(words[4:]),
        author_kfp=next(filter(None, among_others), None),
    )


def command(component: LightweightComponent, interpreter: str | Path, module_path: Path) -> tuple[str, ...]:
    """What runs the component by ``interpreter``, its environment being ready and its source in ``module_path``.

    Placeholders in the arguments stand as they are. The process needs ``ENVIRONMENT``, and the file's name ends
    with ``.py``, which the SDK cuts off. The executor is today's, also for a component compiled when it was
    elsewhere: it comes with the SDK that is installed.
    """
    launch = (str(interpreter), "-m", EXECUTOR, "--component_module_path", str(module_path))
    return (*launch, *component.arguments)


def _installs(script: str) -> list[PipInstall] | None:
    """The pip calls of the first shell; None when it does anything else, or does not go on with ``"$0" "$@"``."""
    lines = _lines(script)
    if lines is None:
        return None
    preparation = _lines("\n".join(_PREPARATION)) or []
    simple = [words for line in lines if line not in preparation for words in _conjuncts(line)]
    if not simple or simple.pop() != ["$0", "$@"]:
        return None
    installs = [PipInstall.parse(words) for words in simple if words not in preparation]
    known = [install for install in installs if install is not None]
    return known if len(known) == len(installs) else None


def _is_launch(script: str) -> bool:
    lines = _lines(script)
    if not lines:
        return False
    if lines[-1][0] == "_KFP_RUNTIME=true":  # since 2.1
        del lines[-1][0]
    lines[-1] = [EXECUTOR if word == _FORMER_EXECUTOR else word for word in lines[-1]]
    return lines == _LAUNCH


def _function(arguments: Sequence[str]) -> str | None:
    name = None
    for position, word in enumerate(arguments):
        if word == "--function_to_execute" and position + 1 < len(arguments):
            name = arguments[position + 1]
        elif word.startswith("--function_to_execute="):
            name = word.partition("=")[2]
    return name or None


def _conjuncts(line: list[str]) -> list[list[str]]:
    """The parts between ``&&``, without the empty one behind a trailing ``&&``."""
    parts: list[list[str]] = [[]]
    for word in line:
        if word == "&&":
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _lines(script: str) -> list[list[str]] | None:
    """The words of every line that has any, operators apart; None for what a shell would not read line by line."""
    lines = []
    try:
        for line in _CONTINUATION.sub("", script).split("\n"):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            lexer.commenters = ""
            lines.append(list(lexer))
    except ValueError:
        return None
    return [words for words in lines if words]
