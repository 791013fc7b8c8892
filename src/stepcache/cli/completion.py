"""``stepcache completion``: what makes a shell complete the command line."""

from __future__ import annotations

import argparse
import os
import sys

HELP = "print what makes a shell complete commands, options, runs and tasks"
EPILOG = """IDs of runs, tasks and keys are completed from a store in a file, not from one on a server.

examples:
  source <(stepcache completion bash)        # in ~/.bashrc
  source <(stepcache completion zsh)         # in ~/.zshrc, after compinit
  stepcache completion fish | source         # in ~/.config/fish/config.fish"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["stepcache"], shell=arguments.shell))
    return 0


def answer() -> None:
    """Tell the shell that asks how its line may go on, and end the process. The shell gives the line in the
    environment; only the commands that are on it are imported.
    """
    import argcomplete

    parser = _parser(os.environ.get("COMP_LINE", "").split())
    argcomplete.autocomplete(parser, always_complete_options=False)
    sys.exit(1)  # it was no shell that asked


def _parser(words: list[str]) -> argparse.ArgumentParser:
    import importlib

    from stepcache.cli.main import COMMANDS, add_places

    parser = argparse.ArgumentParser(prog="stepcache")
    add_places(parser, suppress=False)
    commands = parser.add_subparsers(dest="command")
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning)
        if name in words:
            add_places(command, suppress=True)
            importlib.import_module(f"stepcache.cli.{name}").add_arguments(command)
    return parser
