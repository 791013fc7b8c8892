"""Whether this Python has what the steps' code asks for."""

from __future__ import annotations

from stepcache.errors import InputError
from stepcache.executors.distributions import missing_requirements
from stepcache.pipelines import step_codes
from stepcache.pipelines.model import Container, Pipeline


def check(pipeline: Pipeline, source: str) -> None:
    """Raise one InputError that names every package that is missing, and which components ask for it.

    A component's own pin of the KFP SDK is met by the KFP SDK that is installed.
    """
    wanted: dict[str, list[str]] = {}
    for component in pipeline.components.values():
        executor = pipeline.executors.get(component.body) if isinstance(component.body, str) else None
        code = step_codes.find(executor) if isinstance(executor, Container) else None
        for requirement in code.requirements if code is not None else ():
            wanted.setdefault(requirement, []).append(component.name)
    missing = missing_requirements(tuple(wanted))
    if missing:
        named = "; ".join(f"'{requirement}' (for {', '.join(wanted[requirement])})" for requirement in missing)
        packages = " ".join(f"'{requirement}'" for requirement in missing)
        raise InputError(
            f"{source} needs packages that this environment does not have: {named}",
            remedy=f"pip install {packages}",
        )
