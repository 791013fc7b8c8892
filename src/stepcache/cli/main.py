"""The command ``stepcache``: finds the command asked for and imports that one only.

Import time is a feature: ``stepcache --help`` imports nothing but argparse.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from stepcache.errors import StepcacheError

COMMANDS = {
    "run": "execute a compiled pipeline; reuse what was already done",
    "plan": "tell what a run would reuse and what it would execute, and why",
    "runs": "list the runs, newest first",
    "show": "show a run: its parameters, its tasks and what became of them",
    "logs": "print the log of a task, wherever it was executed",
    "rerun": "run again what an earlier run ran",
    "entries": "look at the entries of the cache, and remove them",
    "gc": "delete what was not used for long, and find damaged outputs",
    "explain": "tell why tasks were executed, and what had changed",
    "diff": "tell how two runs differ: parameters, tasks, parts, outputs, results",
    "stats": "count what was reused and executed, and what that saved",
    "demo": "eight identical runs at once: each step is executed once",
    "key": "print the cache key that KFP itself would compute",
    "migrate": "bring the tables of a store to this release",
    "completion": "print what makes a shell complete commands, options, runs and tasks",
}
"""Every command and what it does, in the order of ``--help``; each is a module of this room."""

INTERRUPTED = 130
_OBJECTS_PER_COLLECTION = 100_000
"""Modules and pipelines are many objects that stay: looking for garbage every 700 takes a part of a warm run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names and answer its exit code.

    0 succeeded, 1 the run failed, 2 bad input, 3 store unavailable, 130 interrupted.
    """
    if "_ARGCOMPLETE" in os.environ:
        from stepcache.cli import completion

        completion.answer()
    parser = _parser()
    chosen = parser.parse_args(argv)
    if chosen.command is None:
        parser.print_help()
        return 2
    module = importlib.import_module(f"stepcache.cli.{chosen.command}")
    command = argparse.ArgumentParser(
        prog=f"stepcache {chosen.command}",
        description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_places(command, suppress=True)
    module.add_arguments(command)
    arguments = command.parse_args(chosen.rest, namespace=chosen)
    try:
        code: int = module.run(arguments)
    except StepcacheError as error:
        return _report(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone: nothing is left to say
        sys.stdout = None
        return 1
    return code


def process() -> None:
    """``main`` as the whole of a process, which ends with its exit code."""
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    code = main()
    # The interpreter looks through everything once more for garbage before it ends, which takes as long as hundreds
    # of look-ups; what is frozen it leaves to the operating system.
    gc.freeze()
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<10} {meaning}" for name, meaning in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="stepcache",
        usage="stepcache [--home DIR] [--store URL] [--artifacts DIR] COMMAND ...",
        description="The execution cache for Kubeflow Pipelines: one row per key, one live execution per key.",
        epilog=f"commands:\n{commands}\n\nexample:\n  stepcache run pipeline.yaml -p n=3\n\n"
        "'stepcache COMMAND --help' tells more about one command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    add_places(parser, suppress=False)
    parser.add_argument("command", nargs="?", metavar="COMMAND", choices=list(COMMANDS), help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def add_places(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    """The options that every command has, before its name or behind it."""
    default = argparse.SUPPRESS if suppress else None
    parser.add_argument(
        "--home",
        metavar="DIR",
        default=default,
        help="where all is kept (STEPCACHE_HOME; your data directory)",
    )
    parser.add_argument(
        "--store", metavar="URL", default=default, help="the cache (STEPCACHE_STORE; sqlite:/// below the home)"
    )
    parser.add_argument(
        "--artifacts", metavar="DIR", default=default, help="the outputs (STEPCACHE_ARTIFACTS; below the home)"
    )


class _Version(argparse.Action):
    """Prints the installed version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"stepcache {version('stepcache')}")
        parser.exit()


def _report(error: StepcacheError) -> int:
    print(f"stepcache: {error}", file=sys.stderr)
    if error.remedy:
        print(f"  remedy: {error.remedy}", file=sys.stderr)
    return error.exit_code
