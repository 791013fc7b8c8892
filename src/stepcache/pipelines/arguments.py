"""The inputs of a run, as the user gave them, against what the pipeline declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepcache.errors import InputError
from stepcache.pipelines import root_artifacts, root_parameters
from stepcache.pipelines.model import Component
from stepcache.pipelines.root_inputs import Given, RootInputs

_REMEDY = "set parameters by -p name=value or --params FILE, and artifacts by -a name=PATH or URI"


def split(assignments: Sequence[str], option: str = "-p") -> list[tuple[str, str]]:
    """The names and values of texts ``name=value``, in order.

    Raises one InputError that names every other text; ``option`` is what they were given with.
    """
    pairs = [assignment.partition("=") for assignment in assignments]
    wrong = [text for text, (name, equals, _) in zip(assignments, pairs, strict=True) if not equals or not name]
    if wrong:
        listed = ", ".join(f"'{text}'" for text in wrong)
        verb = "is" if len(wrong) == 1 else "are"
        raise InputError(f"{listed} {verb} not of the form name=value", remedy=f"write {option} name=value")
    return [(name, value) for name, _, value in pairs]


def grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The values of each name, in order."""
    groups: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        groups[name] = (*groups.get(name, ()), value)
    return groups


def resolve(root: Component, given: Given) -> RootInputs:
    """The typed inputs of a run: what was given, and the defaults of what was not.

    Raises one InputError that names every problem: missing, unknown (with a suggestion), of the wrong type, a
    literal that is not allowed, an artifact that is not there.
    """
    parameters, problems = root_parameters.resolve(root.inputs, given)
    artifacts, artifact_problems = root_artifacts.resolve(root.input_artifacts, given)
    unknown = [
        *_unknown({**given.values, **given.texts}, root.inputs, "parameter", root.input_artifacts, "artifact"),
        *_unknown(given.artifacts, root.input_artifacts, "artifact", root.inputs, "parameter"),
    ]
    problems = [*unknown, *problems, *artifact_problems]
    if problems:
        raise InputError("; ".join(problems), remedy=_REMEDY)
    return RootInputs(parameters, artifacts)


def _unknown(
    names: Mapping[str, object], declared: Mapping[str, object], kind: str, others: Mapping[str, object], other: str
) -> list[str]:
    problems = []
    for name in names:
        if name in declared:
            continue
        from difflib import get_close_matches

        close = get_close_matches(name, declared, n=1)
        if name in others:
            problems.append(f"'{name}' is no {kind} but one of the pipeline's {other}s")
        elif close:
            problems.append(f"unknown {kind} '{name}' (did you mean '{close[0]}'?)")
        else:
            problems.append(f"unknown {kind} '{name}' (the pipeline has: {', '.join(declared) or 'none'})")
    return problems
