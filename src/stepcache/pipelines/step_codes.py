"""The Python code inside a container executor, parsed once for each executor."""

from __future__ import annotations

from functools import lru_cache

from stepcache.executors import lightweight
from stepcache.executors.lightweight import LightweightComponent
from stepcache.pipelines.model import Container


@lru_cache(maxsize=4096)
def _parse(command: tuple[str, ...], args: tuple[str, ...]) -> LightweightComponent | None:
    return lightweight.parse(command, args)


def find(container: Container) -> LightweightComponent | None:
    """The lightweight Python component that the container runs; None when it runs anything else."""
    return _parse(container.command, container.args)


def code_of(container: Container) -> LightweightComponent:
    """The lightweight Python component that the container runs. Raises ValueError when it runs anything else."""
    code = find(container)
    if code is None:
        raise ValueError("the container runs no lightweight Python component")
    return code
