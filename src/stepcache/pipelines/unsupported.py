"""What a compiled pipeline may ask for and this engine, with the options that were given, does not run: said before
anything is executed.
"""

from __future__ import annotations

from stepcache.errors import InputError
from stepcache.pipelines import importing, step_codes
from stepcache.pipelines.model import Container, OtherExecutor, Pipeline
from stepcache.pipelines.platform import claims


def check(pipeline: Pipeline, source: str, *, commands: bool) -> None:
    """Raise one InputError that names every component that cannot be executed, and why.

    ``commands``: whether something runs the commands of container components, a container engine or this host.
    """
    executors = pipeline.executors
    named = {one.name: executors[one.body] for one in pipeline.components.values() if isinstance(one.body, str)}
    distinct = {id(executor): executor for executor in named.values()}  # tasks of one component share it
    refused = {key for key, executor in distinct.items() if _is_elsewhere(executor) or _is_command(executor)}
    if not refused:
        return
    used = [(name, executor) for name, executor in named.items() if id(executor) in refused]
    elsewhere = [
        f"component '{name}' is executed by '{executor.kind}'"
        for name, executor in used
        if isinstance(executor, OtherExecutor) and _is_elsewhere(executor)
    ]
    if elsewhere:
        raise InputError(
            f"{source} needs what stepcache does not run: {'; '.join(elsewhere)}",
            remedy="replace these components: they run on Google Cloud only",
        )
    containers = () if commands else [name for name, executor in used if _is_command(executor)]
    if containers:
        raise InputError(
            f"{source} has container components, which run a command of their image: {', '.join(containers)}",
            remedy="give --executor container to run them by docker or podman, or --host-commands to run their"
            " commands on this machine",
        )


def _is_elsewhere(executor: Container | OtherExecutor) -> bool:
    return isinstance(executor, OtherExecutor) and executor.kind != importing.KIND


def _is_command(executor: Container | OtherExecutor) -> bool:
    if isinstance(executor, OtherExecutor) or step_codes.find(executor) is not None:
        return False
    return claims.operation(executor) is None
