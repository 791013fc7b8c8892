"""What a pipeline asks of Kubernetes, by executor, as plain immutable objects.

Names follow ``KubernetesExecutorConfig`` in ``kubernetes_platform/proto`` of kubeflow/pipelines, but for one thing:
secrets and config maps are asked for in the same two ways, and have the same two classes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.platform.reference import Reference
from stepcache.pipelines.platform.scheduling import Scheduling


class Kind(StrEnum):
    """What holds values by key."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    CONFIG_MAP = "config map"


@dataclass(frozen=True, slots=True)
class VariablesFrom:
    """Environment variables from keys of a secret or a config map."""

    kind: Kind
    name: Reference
    keys: Mapping[str, str]
    """The key, by the name of the variable."""
    optional: bool | None = None
    """Whether the task runs without what is not there; None where the pipeline does not say, which means no."""


@dataclass(frozen=True, slots=True)
class FilesFrom:
    """A directory with a file for each key of a secret or a config map."""

    kind: Kind
    name: Reference
    mount_path: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ClaimMount:
    """The directory of a persistent volume claim."""

    claim: Reference
    mount_path: str
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class TemporaryMount:
    """A directory that is empty when the task starts and gone when it has ended."""

    volume: str
    """Mounts of one task that name the same volume show the same directory."""
    mount_path: str


@dataclass(frozen=True, slots=True)
class FieldVariable:
    """An environment variable from a field of the task's pod."""

    variable: str
    field_path: str


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """What one executor asks for."""

    variables: tuple[VariablesFrom, ...] = ()
    files: tuple[FilesFrom, ...] = ()
    claims: tuple[ClaimMount, ...] = ()
    temporary: tuple[TemporaryMount, ...] = ()
    fields: tuple[FieldVariable, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    scheduling: Scheduling = field(default_factory=Scheduling)
    timeout: float = 0.0
    """Seconds after which an execution of the task is stopped; 0 for never."""
    image_pull_policy: str = ""
    """``Always``, ``Never``, ``IfNotPresent``, or nothing."""
    run_as_user: int | None = None
    run_as_group: int | None = None
    kinds: tuple[str, ...] = ()
    """The settings that are there, as people name them: see ``ignored``."""

    @property
    def references(self) -> tuple[Reference, ...]:
        """Where the names of secrets, config maps and volumes come from."""
        named = (*(item.name for item in self.variables), *(item.name for item in self.files))
        return (*named, *(item.claim for item in self.claims))


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """What a pipeline asks for."""

    executors: Mapping[str, ExecutorSettings] = field(default_factory=dict)
    """By label. An executor that asks for nothing is absent."""
    workspace: bool = False
    """Whether its tasks share a directory (``dsl.WorkspaceConfig``)."""
    timeout: float = 0.0
    """Seconds after which the run is stopped; 0 for never."""
    kinds: tuple[str, ...] = ()
    """The settings of the pipeline as a whole that are there, as people name them."""

    def asks(self, label: str) -> bool:
        """Whether the executor with this label asks for anything."""
        return label in self.executors

    def of(self, label: str) -> ExecutorSettings:
        """The settings of the executor with this label."""
        return self.executors.get(label, _NOTHING)


_NOTHING = ExecutorSettings()
