"""From what the user names to a ``Pipeline``, or one clear error.

KFP's own messages are the schema: an unknown field or a wrong type is refused, as KFP's server refuses it. What a
file holds is told by its content; only Python is told by its name, or by the function that is named in it. The
platform spec is kept as it is written: a newer KFP's settings in it are no reason to refuse a pipeline (see
``platform.parsing``).
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepcache.errors import InputError
from stepcache.pipelines import conversion, dag_facts, input_file, references
from stepcache.pipelines.conversion import Spec
from stepcache.pipelines.kept_specs import KeptSpecs
from stepcache.pipelines.model import Pipeline

if TYPE_CHECKING:
    from stepcache.pipelines.manifest import Manifest

_NAME = "give the path of a compiled pipeline, of a package, or of a Python file (file.py or file.py:function)"
_PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b")
"""How zip files, empty ones, and gzip files begin."""
_PYTHON = re.compile(rb"^(?:import|from) +kfp\b", re.MULTILINE)  # in YAML a component's code is indented


def load(what: str | os.PathLike[str], kept: KeptSpecs | None = None) -> Pipeline:
    """The pipeline that ``what`` names: a path, or ``file.py:function``.

    The file is what the KFP SDK 2.x compiles, in YAML or JSON, a platform spec with it or not; a ``.zip`` or
    ``.tar.gz`` of that; a ``PipelineVersion`` manifest; or Python, which is compiled in a child process (see
    ``compiling``). What is ``kept`` of earlier calls spares reading the same file again.

    Raises InputError, naming the file and the remedy, when it is not there or holds anything else.
    """
    data, source = read(what)
    return parse(data, source=source, kept=kept)


def read(what: str | os.PathLike[str]) -> tuple[bytes, str]:
    """The YAML or JSON of the pipeline that ``what`` names, unpacked or compiled as need be, and how to name it in
    errors. Raises InputError as ``load`` does; whether it holds a pipeline is for ``parse`` to say.
    """
    path, function = _split(os.fspath(what))
    source = str(what)
    data = input_file.read(path, remedy=_NAME)
    if data.startswith(_PACKED):
        from stepcache.pipelines import package

        data, source = package.unpack(data, source)
    elif function or path.suffix == ".py":
        from stepcache.pipelines import compiling

        data = compiling.compile_file(path, function)
    return data, source


def parse(data: bytes, *, source: str, kept: KeptSpecs | None = None) -> Pipeline:
    """The pipeline in the YAML or JSON ``data``; ``source`` names it in errors. Raises InputError."""
    known = None if kept is None else kept.find(data)
    if known is not None:
        return references.without_unused(conversion.pipeline(known))
    if _PYTHON.search(data):
        raise InputError(
            f"{source} looks like Python, and its name does not", remedy=f"name it {Path(source).stem}.py"
        )
    from google.protobuf import json_format

    from stepcache.pipelines import documents, manifest

    found = manifest.choose(documents.read(data, source, remedy=manifest.REMEDY), source)
    try:
        spec = _checked(found)
        pipeline = references.without_unused(conversion.pipeline(spec))
    except KeyError as error:
        problem = f"a {error} is missing"
        raise InputError(f"{source} is no valid compiled pipeline: {problem}", remedy=manifest.REMEDY) from error
    except (ValueError, json_format.Error) as error:
        raise InputError(f"{source} is no valid compiled pipeline: {error}", remedy=manifest.REMEDY) from error
    references.check(pipeline, source)
    spec = replace(spec, dags=dag_facts.of(spec, pipeline))
    if kept is not None:
        kept.keep(data, spec)
    return replace(pipeline, dags=spec.dags)


def _split(what: str) -> tuple[Path, str]:
    """The path and the function that ``what`` names, the latter empty if it names none."""
    if "://" in what:
        raise InputError(f"{what} is an address, not a file", remedy="download the file, and give its path")
    path, colon, function = what.rpartition(":")
    if colon and not os.path.lexists(what) and (path.endswith(".py") or os.path.lexists(path)):
        return Path(path), function
    return Path(what), ""


def _checked(found: Manifest) -> Spec:
    spec = _document("PipelineSpec", found.pipeline)
    if not spec.get("pipelineInfo", {}).get("name"):
        raise ValueError("it has no name (pipelineInfo.name)")
    deployment = {name: value for name, value in spec.get("deploymentSpec", {}).items() if name != "@type"}
    return Spec(spec, _document("PipelineDeploymentConfig", deployment), found.platforms)


def _document(name: str, document: dict[str, Any]) -> dict[str, Any]:
    from stepcache.pipelines import messages

    return messages.to_document(messages.parse(name, document))
