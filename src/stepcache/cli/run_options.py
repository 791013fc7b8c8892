"""The options that say how a run is executed, and how it uses the cache."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stepcache.cli import bindings_options

if TYPE_CHECKING:
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.policy import Policies, Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that runs a pipeline."""
    bindings_options.add_arguments(parser)
    parser.add_argument(
        "--executor",
        choices=("subprocess", "container"),
        default="subprocess",
        help="run steps as processes of this machine, or each in its image by docker or podman",
    )
    parser.add_argument(
        "--host-commands",
        action="store_true",
        help="run the commands of container components on this machine, without their image",
    )
    add_reuse_arguments(parser)
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="how tasks use the cache (default: ./stepcache.toml, if there)"
    )


def add_reuse_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that a repetition of a run has too."""
    parser.add_argument(
        "--max-parallel", type=positive, metavar="N", help="how many steps run at once (default: one per core)"
    )
    parser.add_argument(
        "--refresh-env",
        action="store_true",
        help="resolve the packages that components ask for again, instead of by the kept locks",
    )
    parser.add_argument("--no-cache", action="store_true", help="reuse nothing and store nothing")
    parser.add_argument(
        "--refresh",
        nargs="*",
        metavar="TASK",
        help="execute these tasks anew and store what they leave (all, if none is named); a path or a pattern",
    )
    parser.add_argument(
        "--max-staleness", metavar="DURATION", help="how old a result may be to be reused, as P7D or in seconds"
    )
    parser.add_argument(
        "--wait-timeout",
        metavar="DURATION",
        help="how long a task waits for somebody else's execution of it before it fails",
    )


def options(arguments: argparse.Namespace, home: Path) -> Options:
    """What the options say, with the policies of ``home``. Raises InputError."""
    from stepcache.cache import staleness
    from stepcache.pipelines.engine import Options

    chosen = Options(
        containers=arguments.executor == "container",
        host_commands=arguments.host_commands,
        bindings=bindings_options.bindings(arguments),
        refresh_environments=arguments.refresh_env,
        policies=_policies(arguments, home),
        wait_timeout=None if arguments.wait_timeout is None else staleness.seconds(arguments.wait_timeout),
    )
    if arguments.max_parallel is None:
        return chosen
    from dataclasses import replace

    return replace(chosen, max_parallel=arguments.max_parallel)


def _policies(arguments: argparse.Namespace, home: Path) -> Policies:
    """The home's, then the project's, then what the command line says."""
    from stepcache.errors import InputError
    from stepcache.pipelines import policy_file
    from stepcache.pipelines.policy import Policies

    project = arguments.policy
    if project is not None and not project.is_file():
        raise InputError(f"there is no policy file {project}")
    from_files = [*policy_file.read(home / policy_file.NAME), *policy_file.read(project or Path(policy_file.NAME))]
    return Policies((*from_files, *rules(arguments)))


def rules(arguments: argparse.Namespace) -> list[Rule]:
    """What the command line says about the use of the cache. Raises InputError."""
    from stepcache.cache import staleness
    from stepcache.pipelines.policy import Policy, Rule

    said = []
    if arguments.max_staleness is not None:
        policy = Policy(max_staleness=staleness.seconds(arguments.max_staleness))
        said.append(Rule(policy, source=f"--max-staleness {arguments.max_staleness}"))
    if arguments.refresh is not None:
        for task in arguments.refresh or (None,):
            source = "--refresh" if task is None else f"--refresh {task}"
            said.append(Rule(Policy(max_staleness=0), task=task, source=source))
    if arguments.no_cache:
        said.append(Rule(Policy(cache=False), source="--no-cache"))
    return said


def positive(text: str) -> int:
    """A whole number from 1, for an option."""
    if not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got '{text}'")
    return int(text)
