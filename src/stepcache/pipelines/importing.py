"""An importer task: brings what a URI names into the artifact store.

KFP's importer registers the URI, and each consumer's launcher downloads it (``component/importer_launcher.go`` and
``launcher_v2.go`` of kubeflow/pipelines). Here it is brought once, by the importer, so that consumers are reused by
what it holds. A URI of a scheme that nothing on this machine reads is passed on by its address, with a warning.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stepcache.artifacts.artifact import Artifact, Kind
from stepcache.artifacts.proofs import look_at
from stepcache.cache.cache import Holding
from stepcache.container_engine import Reference
from stepcache.executors import fetch
from stepcache.executors.step import StepCommand
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import command_line, executor_input, supervised, task_key
from stepcache.pipelines.conversion import plain
from stepcache.pipelines.executor_input import OutputPaths
from stepcache.pipelines.model import Component, Container, JsonValue, OtherExecutor, Task
from stepcache.pipelines.session import Session
from stepcache.pipelines.task_key import TaskKey
from stepcache.pipelines.task_record import TaskRecord
from stepcache.pipelines.values import ArtifactValue, Values
from stepcache.pipelines.work import StepFailedError

KIND = "importer"
_OUTPUT = "artifact"  # the one output that KFP's importers have
_NOTHING = Container("", (), (), {})


@dataclass(frozen=True, slots=True)
class Import:
    """One import. Promises what ``Work`` does."""

    component: Component
    inputs: Values
    uri: str
    metadata: Mapping[str, JsonValue]
    schema: Mapping[str, str]
    refreshes: bool
    """KFP's ``reimport``: what an earlier run imported is not good enough."""
    is_reusable: bool = True
    containers: Reference | None = None

    @classmethod
    def of(
        cls, component: Component, document: Mapping[str, Any], inputs: Values, run: Mapping[str, str]
    ) -> Import:
        """The import that an ``ImporterSpec`` describes. Raises ValueError when it has no URI."""
        told = executor_input.build(component, inputs, OutputPaths(Path("/")), lambda _: Path("/"))
        source = document.get("artifactUri", {})
        if "constant" in source:
            uri = source["constant"]
        else:
            uri = inputs.parameters.get(source.get("runtimeParameter", "uri"))
        if not isinstance(uri, str) or not uri:
            raise ValueError("the importer has no URI")
        return cls(
            component=component,
            inputs=inputs,
            uri=command_line.resolve([uri], told, run)[0],
            metadata=_resolved(plain(document.get("metadata", {})), told, run),
            schema=component.output_artifacts[_OUTPUT].schema
            if _OUTPUT in component.output_artifacts
            else document.get("typeSchema", {}),
            refreshes=_looks_again(document),
        )

    def key(self, task: Task, namespace: str, ignored: Collection[str]) -> TaskKey:
        """See ``Work``. A local path counts with inode, size and times of all that is there: another content,
        another key. Raises ValueError for a local path where nothing is.
        """
        executor = {"kind": KIND, "uri": self.uri, "metadata": json.dumps(self.metadata, sort_keys=True)}
        path = local_path(self.uri)
        if path is not None:
            executor["look"] = _look(path)
        return task_key.of(
            task, self.component, self.inputs.without(ignored), namespace, container=_NOTHING, executor=executor
        )

    def template(self) -> Mapping[str, Any]:
        """See ``Work``."""
        return {"importer": self.uri}

    async def perform(self, record: TaskRecord, session: Session, holding: Holding | None) -> Values:
        """See ``Work``."""
        content = None
        try:
            content = await bring(self.uri, session, session.open_log(record), holding)
        except UnknownSchemeError as error:
            session.listener.warn(f"{record.name}: {error}")
        except ValueError as error:
            raise StepFailedError(str(error)) from error
        return Values({}, {_OUTPUT: (ArtifactValue(_OUTPUT, self.schema, self.metadata, content, self.uri),)})


class UnknownSchemeError(Exception):
    """Nothing on this machine reads the scheme of a URI. ``str()`` is a sentence for people."""


async def bring(uri: str, session: Session, log: Path, holding: Holding | None = None) -> Artifact:
    """Copy what ``uri`` names into the artifact store.

    ``log`` gets what a file system has to say; ``holding`` is the claim under which it happens, if there is one.
    Raises UnknownSchemeError, ValueError with a sentence for people when it cannot be read, and StepStoppedError.
    """
    scratch = await asyncio.to_thread(session.artifacts.scratch)
    try:
        target = scratch / "imported"
        path = local_path(uri)
        if path is not None:
            await asyncio.to_thread(_copy, path, target)
        else:
            await _fetch(uri, target, log, session, holding)
        return await asyncio.to_thread(session.artifacts.ingest, target)
    finally:
        session.leftovers.remove([scratch])


async def _fetch(uri: str, target: Path, log: Path, session: Session, holding: Holding | None) -> None:
    command = StepCommand(
        argv=(sys.executable, "-m", fetch.__name__, uri, str(target)),
        # The engine's own environment: an import is its work, and its user's credentials are for that.
        environment=dict(session.environment),
        directory=target.parent,
        log=log,
    )
    ended = await supervised.run(command, session, holding)
    if ended.code == fetch.UNKNOWN_SCHEME:
        raise UnknownSchemeError(
            f"nothing here reads {uri}, so its consumers get the address only;"
            f" install the fsspec file system for {urlsplit(uri).scheme}://"
        )
    if not ended.ok:
        raise ValueError(f"{uri} could not be imported: it {ended.describe()}, see {log}")


def looks_again(executor: Container | OtherExecutor) -> bool:
    """Whether it is an importer to which what an earlier run imported is not good enough (KFP's ``reimport``)."""
    return isinstance(executor, OtherExecutor) and executor.kind == KIND and _looks_again(executor.document)


def local_path(uri: str) -> Path | None:
    """The path that a URI without scheme, or of ``file://``, names; None for any other."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(os.path.abspath(uri)) if "://" not in uri else None  # noqa: PTH100 - resolve would follow links


def _looks_again(document: Mapping[str, Any]) -> bool:
    return bool(document.get("reimport", False))


def _look(path: Path) -> str:
    try:
        return look_at(path.resolve(), Kind.DIRECTORY if path.is_dir() else Kind.FILE)[0]
    except OSError as error:
        raise ValueError(f"cannot import {path}: {error.strerror}") from None


def _copy(path: Path, target: Path) -> None:
    try:
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True)
        else:
            shutil.copyfile(path, target)
    except OSError as error:
        raise ValueError(f"cannot import {path}: {error.strerror or error}") from error


def _resolved(value: JsonValue, told: Mapping[str, Any], run: Mapping[str, str]) -> JsonValue:
    """``value`` with the placeholders in its texts resolved."""
    if isinstance(value, str):
        return command_line.resolve([value], told, run)[0]
    if isinstance(value, list):
        return [_resolved(item, told, run) for item in value]
    if isinstance(value, dict):
        return {_resolved(name, told, run): _resolved(item, told, run) for name, item in value.items()}
    return value
