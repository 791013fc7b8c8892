"""What a task gets in place of what its pod would have: variables, files and directories, and its key's share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TypeVar

from stepcache.executors.private_mounts import DirectoryMount, FilesMount, Mount
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import Container
from stepcache.pipelines.platform import names, passthroughs
from stepcache.pipelines.platform.bindings import Bindings, option
from stepcache.pipelines.platform.keyed_values import KeyedValues
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.passthroughs import Passed, Passthroughs
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.settings import (
    ClaimMount,
    ExecutorSettings,
    FieldVariable,
    FilesFrom,
    Kind,
    VariablesFrom,
)
from stepcache.pipelines.platform.volumes import Volume, Volumes

_SCRATCH = "mounts"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyShare:
    """What enters the task's strict key.

    Names of secrets, never values. Config maps by their content. Volumes by name, never by what is in them.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    """For ``Parts.env``. What is no variable has a name with ``=`` in it, as no variable has."""
    secrets: tuple[str, ...] = ()
    """For ``Parts.secrets``."""
    claims: tuple[str, ...] = ()
    """For ``Component.pvc_names``."""
    declared: bool = True
    """Whether the variables that the component declares count, since the step sees them."""


@dataclass(frozen=True, slots=True)
class Provision:
    """Everything that a task gets. Holds values of secrets: it is not to be stored or printed."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables, which come before those that the component declares: see ``variables``."""
    key: KeyShare = KeyShare()
    secret_files: tuple[FilesMount, ...] = field(default=(), repr=False)
    config_files: tuple[FilesMount, ...] = ()
    volumes: tuple[tuple[ClaimMount, Volume], ...] = ()
    temporary: tuple[tuple[str, str], ...] = ()
    """Volume and mount path of each empty directory."""
    passed_on: tuple[Volume, ...] = ()
    """Volumes that the component is told of and does not mount, as far as they are there."""
    timeout: float = 0.0
    """Seconds after which the step is stopped; 0 for never."""

    @property
    def has_secrets(self) -> bool:
        """Whether the task sees a value of a secret, so that its log has to be watched."""
        return bool(self.key.secrets)

    @property
    def is_reusable(self) -> bool:
        """Whether another run may take over its outputs.

        Not when it mounts, or passes on, a volume that is this run's alone: what is left there, no other run would
        find.
        """
        if any(volume.generated for volume in self.passed_on):
            return False
        return not any(volume.generated for _, volume in self.volumes)

    def variables(self, container: Container) -> dict[str, str]:
        """Those that pipeline and component declare for the step."""
        return {**(container.environment if self.key.declared else {}), **self.environment}

    @property
    def targets(self) -> tuple[str, ...]:
        """The paths at which the task is to find something."""
        return (
            *(mount.target for mount in (*self.secret_files, *self.config_files)),
            *(claim.mount_path for claim, _ in self.volumes),
            *(path for _, path in self.temporary),
        )

    def planned(self) -> tuple[Mount, ...]:
        """The mounts, as far as they can be told before there is a directory for the step; nothing is made."""
        return (
            *self.secret_files,
            *self.config_files,
            *(DirectoryMount(claim.mount_path, str(_source(claim, volume))) for claim, volume in self.volumes),
            *(FilesMount(path, {}) for _, path in self.temporary),
        )

    def mounts(self, scratch: Path) -> tuple[Mount, ...]:
        """The mounts, with the directories that they need made: below ``scratch``, and sub-paths in volumes.

        Secrets are not among what is written there. Raises OSError.
        """
        mounts: list[Mount] = list(self.secret_files)
        for number, config in enumerate(self.config_files):
            directory = scratch / _SCRATCH / f"config-{number}"
            directory.mkdir(parents=True)
            for name, content in config.files.items():
                (directory / name).write_bytes(content)
            mounts.append(DirectoryMount(config.target, str(directory), read_only=True))
        for claim, volume in self.volumes:
            source = _source(claim, volume)
            source.mkdir(parents=True, exist_ok=True)
            mounts.append(DirectoryMount(claim.mount_path, str(source)))
        numbers: dict[str, int] = {}
        for volume_name, path in self.temporary:
            directory = scratch / _SCRATCH / f"empty-{numbers.setdefault(volume_name, len(numbers))}"
            directory.mkdir(parents=True, exist_ok=True)
            mounts.append(DirectoryMount(path, str(directory)))
        return tuple(mounts)


def provide(  # noqa: PLR0913 - what is asked for, and what there is
    settings: ExecutorSettings,
    known: Known,
    bindings: Bindings,
    volumes: Volumes,
    pod: Pod,
    *,
    passthroughs: Passthroughs = passthroughs.NONE,
) -> Provision:
    """What a task with these settings gets. Those that are withheld from it are neither given nor needed.

    Raises one ValueError that names everything that is missing, for people.
    """
    builder = _Builder(known, bindings, volumes)
    if passthroughs.withhold(Passed.VOLUMES):
        for claim in settings.claims:
            builder.attempt(builder.pass_on_claim, claim)
    settings = passthroughs.of_task(settings)
    for variables in settings.variables:
        builder.attempt(builder.add_variables, variables)
    for files in settings.files:
        builder.attempt(builder.add_files, files)
    for claim in settings.claims:
        builder.attempt(builder.add_claim, claim)
    for variable in settings.fields:
        builder.attempt(lambda item: builder.add_field(item, pod, settings), variable)
    for mount in settings.temporary:
        builder.env[f"directory={mount.mount_path}"] = mount.volume
    if builder.problems:
        raise ValueError("; ".join(dict.fromkeys(builder.problems)))
    return Provision(
        environment=builder.environment,
        key=KeyShare(
            builder.env,
            tuple(builder.secrets),
            (*(_label(*item) for item in builder.volumes), *builder.passed_on_labels),
            declared=not passthroughs.withhold(Passed.ENV),
        ),
        secret_files=tuple(builder.files[Kind.SECRET]),
        config_files=tuple(builder.files[Kind.CONFIG_MAP]),
        volumes=tuple(builder.volumes),
        temporary=tuple((mount.volume, mount.mount_path) for mount in settings.temporary),
        passed_on=tuple(builder.passed_on),
        timeout=settings.timeout,
    )


class _Builder:
    """Collects a provision, setting by setting, and what is wrong with it."""

    def __init__(self, known: Known, bindings: Bindings, volumes: Volumes) -> None:
        self._known = known
        self._bindings = bindings
        self._volumes = volumes
        self.environment: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.secrets: list[str] = []
        self.files: dict[Kind, list[FilesMount]] = {kind: [] for kind in Kind}
        self.volumes: list[tuple[ClaimMount, Volume]] = []
        self.passed_on: list[Volume] = []
        self.passed_on_labels: list[str] = []
        self.problems: list[str] = []

    def attempt(self, add: Callable[[T], None], wanted: T) -> None:
        """Add something, or note why not."""
        try:
            add(wanted)
        except ValueError as error:
            self.problems.append(str(error))

    def add_variables(self, wanted: VariablesFrom) -> None:
        name = names.resolve(wanted.name, self._known, wanted.kind)
        if name is None:
            return
        given = self._given(wanted.kind, name, wanted.optional or False) or KeyedValues()
        for variable, key in wanted.keys.items():
            value = given.value(key)
            if value is not None:
                self._set(variable, value, wanted.kind, name, key)
            elif not wanted.optional:
                self.problems.append(f"the {wanted.kind} '{name}' has no key '{key}' ({_keys(given)})")

    def add_files(self, wanted: FilesFrom) -> None:
        name = names.resolve(wanted.name, self._known, wanted.kind)
        if name is None:
            return
        given = self._given(wanted.kind, name, wanted.optional) or KeyedValues()
        if given.sole is not None:
            raise ValueError(
                f"the {wanted.kind} '{name}' is to be files, and was given as one value without a key: "
                f"write {option(wanted.kind)} {name}/KEY=…"
            )
        self.files[wanted.kind].append(FilesMount(wanted.mount_path, given.values))
        if wanted.kind is Kind.SECRET:
            self.secrets.append(f"{name} at {wanted.mount_path}")
        for key, value in given.values.items() if wanted.kind is Kind.CONFIG_MAP else ():
            self.env[f"file={wanted.mount_path}/{key}"] = hashlib.sha256(value).hexdigest()

    def pass_on_claim(self, wanted: ClaimMount) -> None:
        name = names.claim(wanted.claim, self._known)
        volume = self._volumes.find(name)
        if volume is not None:
            self.passed_on.append(volume)
        self.passed_on_labels.append(f"{name if volume is None else volume.label} passed on")

    def add_claim(self, wanted: ClaimMount) -> None:
        name = names.claim(wanted.claim, self._known)
        volume = self._volumes.find(name)
        if volume is None:
            raise ValueError(f"there is no volume '{name}': give it by --volume {name}=DIRECTORY")
        _source(wanted, volume)
        self.volumes.append((wanted, volume))

    def add_field(self, wanted: FieldVariable, pod: Pod, settings: ExecutorSettings) -> None:
        found = pod.field(wanted.field_path, settings)
        self.environment[wanted.variable] = found.value
        self.env[f"field={wanted.variable}"] = wanted.field_path
        if found.stable:
            self.env[wanted.variable] = found.value

    def _given(self, kind: Kind, name: str, optional: bool) -> KeyedValues | None:
        given = self._bindings.of(kind).get(name)
        if given is None and not optional:
            raise ValueError(f"there is no {kind} '{name}': give it by {option(kind)} {name}=FILE")
        return given

    def _set(self, variable: str, value: bytes, kind: Kind, name: str, key: str) -> None:
        if b"\0" in value:
            raise ValueError(f"key '{key}' of the {kind} '{name}' is binary, and cannot be a variable")
        text = value.decode("utf-8", "surrogateescape")
        self.environment[variable] = text
        if kind is Kind.SECRET:
            self.secrets.append(f"{name}/{key} as {variable}")
        else:
            self.env[variable] = text


def _keys(given: KeyedValues) -> str:
    return f"it has: {', '.join(sorted(given.values)) or 'none'}"


def _label(claim: ClaimMount, volume: Volume) -> str:
    return " ".join((volume.label, "at", claim.mount_path, *(("from", claim.sub_path) if claim.sub_path else ())))


def _source(claim: ClaimMount, volume: Volume) -> Path:
    """The directory to mount. Raises ValueError for a sub-path that leads out of the volume."""
    source = volume.path / claim.sub_path
    if claim.sub_path.startswith("/") or not source.resolve().is_relative_to(volume.path.resolve()):
        raise ValueError(f"the sub-path '{claim.sub_path}' leads out of the volume '{volume.name}'")
    return source
