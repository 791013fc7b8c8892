"""What a compiled pipeline may ask for and this engine, with the options that were given, does not run: said before
anything is executed.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepcache.errors import InputError
from stepcache.pipelines import importing, step_codes
from stepcache.pipelines.model import Component, OtherExecutor, Pipeline
from stepcache.pipelines.platform import claims


def check(pipeline: Pipeline, source: str, *, commands: bool) -> None:
    """Raise one InputError that names every component that cannot be executed, and why.

    ``commands``: whether something runs the commands of container components, a container engine or this host.
    """
    used = [component for component in pipeline.components.values() if isinstance(component.body, str)]
    elsewhere = [problem for component in used for problem in _executor(component, pipeline)]
    if elsewhere:
        raise InputError(
            f"{source} needs what stepcache does not run: {'; '.join(elsewhere)}",
            remedy="replace these components: they run on Google Cloud only",
        )
    containers = [component.name for component in used if _is_command(component, pipeline)]
    if containers and not commands:
        raise InputError(
            f"{source} has container components, which run a command of their image: {', '.join(containers)}",
            remedy="give --executor container to run them by docker or podman, or --host-commands to run their"
            " commands on this machine",
        )


def _executor(component: Component, pipeline: Pipeline) -> Iterator[str]:
    executor = pipeline.executors[str(component.body)]
    if isinstance(executor, OtherExecutor) and executor.kind != importing.KIND:
        yield f"component '{component.name}' is executed by '{executor.kind}'"


def _is_command(component: Component, pipeline: Pipeline) -> bool:
    executor = pipeline.executors[str(component.body)]
    if isinstance(executor, OtherExecutor) or claims.operation(executor) is not None:
        return False
    return step_codes.find(executor) is None
