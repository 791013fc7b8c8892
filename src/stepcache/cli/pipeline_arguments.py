"""The arguments that name a pipeline and give its inputs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepcache.pipelines.kept_specs import KeptSpecs
    from stepcache.pipelines.model import Pipeline
    from stepcache.pipelines.root_inputs import Given, RootInputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that takes a pipeline with its inputs."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a pipeline compiled by the KFP SDK 2.x (YAML, JSON, .zip, .tar.gz or a PipelineVersion manifest), "
        "or a Python file, or file.py:function",
    )
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter; lists and structures as JSON (repeatable)",
    )
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="set parameters by a YAML or JSON mapping; -p wins over it"
    )
    parser.add_argument(
        "-a",
        "--input-artifact",
        action="append",
        default=[],
        metavar="NAME=PATH|URI",
        help="set an artifact that the pipeline takes (repeatable)",
    )


def read(arguments: argparse.Namespace, home: Path) -> tuple[Pipeline, RootInputs, KeptSpecs]:
    """The pipeline and its inputs, and what ``KeptSpecs.write`` is to keep below ``home`` of reading it.

    Raises InputError.
    """
    from stepcache.pipelines import loading

    return parse(arguments, loading.read(arguments.file), home)


def parse(
    arguments: argparse.Namespace, document: tuple[bytes, str], home: Path
) -> tuple[Pipeline, RootInputs, KeptSpecs]:
    """What ``read`` answers, of a pipeline that ``loading.read`` has read. Raises InputError."""
    from stepcache.pipelines import arguments as inputs
    from stepcache.pipelines import loading
    from stepcache.pipelines.kept_specs import KeptSpecs

    data, source = document
    given = _given(arguments)
    kept = KeptSpecs(home / "pipelines")
    pipeline = loading.parse(data, source=source, kept=kept)
    return pipeline, inputs.resolve(pipeline.root, given), kept


def _given(arguments: argparse.Namespace) -> Given:
    """The inputs of the run as they were typed. Raises InputError."""
    from stepcache.pipelines import arguments as inputs
    from stepcache.pipelines import parameter_file
    from stepcache.pipelines.root_inputs import Given

    return Given(
        texts=dict(inputs.split(arguments.parameter)),
        values={} if arguments.params is None else parameter_file.read(arguments.params),
        artifacts=inputs.grouped(inputs.split(arguments.input_artifact, "-a")),
    )
