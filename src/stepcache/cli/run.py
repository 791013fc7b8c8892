"""``stepcache run``: execute a compiled pipeline."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepcache.cli import pipeline_arguments, places, run_options

if TYPE_CHECKING:
    from stepcache.artifacts.contract import ArtifactStore
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.model import Pipeline
    from stepcache.pipelines.result import RunResult
    from stepcache.pipelines.root_inputs import RootInputs

_OBJECTS_PER_COLLECTION = 100_000
"""A pipeline is many objects that stay: looking through them for garbage every 700 takes a part of a warm run."""

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
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    home = places.settings(arguments).home
    pipeline, inputs, kept = pipeline_arguments.read(arguments, home)
    options = run_options.options(arguments, home)
    kept.write()
    return asyncio.run(_run(arguments, pipeline, inputs, options))


async def _run(arguments: argparse.Namespace, pipeline: Pipeline, inputs: RootInputs, options: Options) -> int:
    from stepcache.cli import progress
    from stepcache.pipelines.engine import Engine
    from stepcache.pipelines.task_record import State

    async with places.opened(arguments) as here:
        engine = Engine(here.cache, here.store, here.settings.home)
        with progress.shown(here.settings.home) as listener:
            try:
                with _interruptible():
                    result = await engine.run(
                        pipeline, inputs, source=str(arguments.file), options=options, listener=listener
                    )
            except asyncio.CancelledError:
                listener.interrupted()
                return 130
        listener.finished(result)
        if arguments.json:
            _print_document(result, here.cache.artifacts)
    return 0 if result.state is State.SUCCEEDED else 1


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Cancel the calling task at the first Ctrl-C, TERM or hang-up; leave at once at the second.

    Leaving at once is safe: the supervisor kills the steps, and the next run takes their claims over.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked or task is None:
            import os

            os._exit(130)
        asked = True
        print("stopping: waiting for the steps to end; press Ctrl-C again to kill them", file=sys.stderr)
        task.cancel()

    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _print_document(result: RunResult, artifacts: ArtifactStore) -> None:
    json.dump(result.to_document(artifacts), sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()
