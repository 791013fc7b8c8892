"""A file of parameters, ``--params FILE``: one YAML or JSON mapping of names to values."""

from __future__ import annotations

from pathlib import Path

from stepcache.errors import InputError
from stepcache.pipelines import documents, input_file
from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.yaml_scalars import Schema

_REMEDY = "write one YAML or JSON mapping, e.g. 'epochs: 3'"


def read(path: Path) -> dict[str, JsonValue]:
    """The parameters in the file, of the types that YAML 1.2 gives them. Raises InputError, naming the file."""
    source = str(path)
    found = documents.read(input_file.read(path, remedy=_REMEDY), source, remedy=_REMEDY, schema=Schema.CORE)
    if len(found) != 1 or not isinstance(found[0], dict):
        problem = f"holds {len(found)} documents" if len(found) > 1 else "does not hold a mapping"
        raise InputError(f"{source} {problem}", remedy=_REMEDY)
    parameters: dict[str, JsonValue] = found[0]
    return parameters
