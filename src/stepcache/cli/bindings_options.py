"""The options that give what a cluster would: secrets, config maps and volumes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepcache.pipelines.platform.bindings import Bindings
    from stepcache.pipelines.run_request import References


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that runs a pipeline."""
    for option, form, what in (
        ("--secret", "NAME[/KEY]=FILE|env:VAR", "a secret; its values are neither stored nor shown"),
        ("--config-map", "NAME[/KEY]=FILE|env:VAR", "a config map"),
        ("--volume", "NAME=DIR", "the directory that stands for a volume claim"),
    ):
        parser.add_argument(option, action="append", default=[], metavar=form, help=f"give {what} (repeatable)")


def bindings(arguments: argparse.Namespace) -> Bindings:
    """What the options give. Raises InputError with every problem."""
    from stepcache.pipelines.platform.bindings import Bindings

    return Bindings.parse(arguments.secret, arguments.config_map, arguments.volume)


def references(arguments: argparse.Namespace) -> References:
    """The options as they can be kept: where the values are, not the values."""
    from stepcache.pipelines.run_request import References

    return References.given(arguments.secret, arguments.config_map, arguments.volume)
