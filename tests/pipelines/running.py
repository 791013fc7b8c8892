"""Pipelines run in the test's own process, by the engine's public door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from stepcache import api
from stepcache.pipelines import arguments
from stepcache.pipelines.engine import Engine, Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.result import RunResult
from stepcache.pipelines.root_inputs import Given
from stepcache.settings import Settings
from stepcache.stores.opening import FullStore

Run = Callable[..., RunResult]


def run(
    pipeline: Pipeline,
    home: Path,
    parameters: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
    **options: Any,
) -> RunResult:
    """Run ``pipeline`` once in ``home``, and close everything again."""
    return asyncio.run(once(pipeline, home, parameters, artifacts, **options))


async def once(
    pipeline: Pipeline,
    home: Path,
    parameters: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
    **options: Any,
) -> RunResult:
    """The same, on the running event loop."""
    settings = Settings.resolve({}, home=home)
    async with api.opened(settings) as cache:
        engine = Engine(cache, cast("FullStore", cache.store), home)
        given = Given(
            texts=dict(parameters or {}),
            artifacts={name: (address,) for name, address in (artifacts or {}).items()},
        )
        inputs = arguments.resolve(pipeline.root, given)
        return await engine.run(pipeline, inputs, source="test", options=Options(**options))


def states(result: RunResult) -> dict[str, str]:
    """The state of each task."""
    return {task.name: str(task.state) for task in result.tasks}


def results(result: RunResult) -> dict[str, str]:
    """What the cache did for each task that has an executor."""
    return {task.name: str(task.result) for task in result.tasks if str(task.result) != "none"}
