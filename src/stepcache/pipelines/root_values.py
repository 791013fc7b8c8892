"""The inputs of a run as its first tasks see them: artifacts given from outside are brought into the store."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath

from stepcache.artifacts import content
from stepcache.artifacts.artifact import Artifact
from stepcache.errors import InputError
from stepcache.pipelines import importing
from stepcache.pipelines.importing import UnknownSchemeError
from stepcache.pipelines.model import ArtifactSpec, Pipeline
from stepcache.pipelines.root_inputs import RootInputs
from stepcache.pipelines.session import Session
from stepcache.pipelines.values import ArtifactValue, Values


async def bring(inputs: RootInputs, session: Session) -> Values:
    """The values of the root's inputs. Raises InputError for an artifact that cannot be read."""
    declared = session.pipeline.root.input_artifacts
    return Values(
        dict(inputs.parameters),
        {
            name: tuple([await _artifact(name, declared[name], address, session) for address in addresses])
            for name, addresses in inputs.artifacts.items()
        },
    )


async def foresee(inputs: RootInputs, pipeline: Pipeline) -> tuple[Values, list[str]]:
    """What ``bring`` would answer, as far as that can be told where things are: without artifacts that are on
    another machine, whose names follow. Raises InputError as ``bring`` does.
    """
    declared, artifacts = pipeline.root.input_artifacts, {}
    for name, addresses in inputs.artifacts.items():
        paths = [importing.local_path(address) for address in addresses]
        found = [await _foreseen(name, path) for path in paths if path is not None]
        if len(found) == len(addresses):
            pairs = zip(addresses, found, strict=True)
            artifacts[name] = tuple(_value(name, declared[name], *pair) for pair in pairs)
    return Values(dict(inputs.parameters), artifacts), [name for name in inputs.artifacts if name not in artifacts]


async def _artifact(name: str, declared: ArtifactSpec, address: str, session: Session) -> ArtifactValue:
    try:
        found = await importing.bring(address, session, session.log_directory / "inputs.log")
    except UnknownSchemeError as error:
        session.listener.warn(f"input artifact '{name}': {error}")
        return _value(name, declared, address, None)
    except ValueError as error:
        raise _refused(name, error) from error
    return _value(name, declared, address, found)


async def _foreseen(name: str, path: Path) -> Artifact:
    try:
        return await asyncio.to_thread(_described, path)
    except OSError as error:
        raise _refused(name, error) from error


def _described(path: Path) -> Artifact:
    source = path.resolve()
    content.check(source)
    return content.describe(source)


def _value(name: str, declared: ArtifactSpec, address: str, found: Artifact | None) -> ArtifactValue:
    called = PurePosixPath(address).name or name
    return ArtifactValue(called, declared.schema, declared.metadata, found, address)


def _refused(name: str, error: Exception) -> InputError:
    return InputError(f"input artifact '{name}': {error}", remedy="give -a NAME=PATH|URI")
