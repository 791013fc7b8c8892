"""``stepcache run``: execute a compiled pipeline."""

from __future__ import annotations

import argparse

from stepcache.cli import bindings_options, pipeline_arguments, places, run_options

HELP = "execute a compiled pipeline; reuse what was already done"
EPILOG = """examples:
  stepcache run pipeline.yaml -p epochs=3 -p 'rates=[0.1, 0.2]'
  stepcache run pipeline.py:train --params params.yaml -a data=./data.csv
  stepcache run pipeline.yaml --json | jq .outputs

exit codes:
  0 succeeded, 1 the run failed, 2 bad input, 3 store unavailable, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache run``."""
    pipeline_arguments.add_arguments(parser)
    run_options.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="end with one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Execute the pipeline; progress goes to standard error, and with it the reason of a failure."""
    from stepcache.cli import execution
    from stepcache.pipelines import loading
    from stepcache.pipelines.run_request import Request

    home = places.settings(arguments).home
    document = loading.read(arguments.file)
    pipeline, inputs, kept = pipeline_arguments.parse(arguments, document, home)
    options = run_options.options(arguments, home)
    request = Request(
        document[0],
        bindings_options.references(arguments),
        command_rules=len(run_options.rules(arguments)),
    )
    kept.write()
    asked = execution.Asked(pipeline, inputs, str(arguments.file), options, request)
    return execution.execute(arguments, asked)
