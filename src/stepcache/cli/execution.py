"""A run as the commands that execute pipelines carry it out."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepcache.cli import places
from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from stepcache.artifacts.contract import ArtifactStore
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.model import Pipeline
    from stepcache.pipelines.result import RunResult
    from stepcache.pipelines.root_inputs import RootInputs
    from stepcache.pipelines.run_request import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be executed."""

    pipeline: Pipeline
    inputs: RootInputs
    source: str
    options: Options
    request: Request


def execute(arguments: argparse.Namespace, asked: Asked) -> int:
    """Execute it and answer the exit code; progress goes to standard error, and the reason of a failure with it.

    With ``--json``, the result goes to standard output as one document.
    """
    return asyncio.run(_execute(arguments, asked))


async def _execute(arguments: argparse.Namespace, asked: Asked) -> int:
    from stepcache.cli import progress
    from stepcache.pipelines.engine import Engine
    from stepcache.pipelines.task_record import State

    async with places.opened(arguments) as here:
        engine = Engine(here.cache, here.store, here.settings.home)
        with progress.shown(here.settings.home) as listener:
            try:
                with _interruptible():
                    result = await engine.run(
                        asked.pipeline,
                        asked.inputs,
                        source=asked.source,
                        options=asked.options,
                        listener=listener,
                        request=asked.request,
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
