"""The inputs of a run as its first tasks see them: artifacts given from outside are brought into the store."""

from __future__ import annotations

from pathlib import PurePosixPath

from stepcache.errors import InputError
from stepcache.pipelines import importing
from stepcache.pipelines.importing import UnknownSchemeError
from stepcache.pipelines.model import ArtifactSpec
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


async def _artifact(name: str, declared: ArtifactSpec, address: str, session: Session) -> ArtifactValue:
    called = PurePosixPath(address).name or name
    try:
        content = await importing.bring(address, session, session.log_directory / "inputs.log")
    except UnknownSchemeError as error:
        session.listener.warn(f"input artifact '{name}': {error}")
        return ArtifactValue(called, declared.schema, declared.metadata, None, address)
    except ValueError as error:
        raise InputError(f"input artifact '{name}': {error}", remedy="give -a NAME=PATH|URI") from error
    return ArtifactValue(called, declared.schema, declared.metadata, content, address)
