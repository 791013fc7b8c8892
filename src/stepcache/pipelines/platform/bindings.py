"""What the user gives in place of a cluster: ``--secret``, ``--config-map`` and ``--volume``.

Each is ``NAME=SOURCE``, a secret or a config map also ``NAME/KEY=SOURCE``; a slash is in no name and in no key of
Kubernetes, a dot may be in both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from stepcache.errors import InputError
from stepcache.executors.redaction import Redactor
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.platform import keyed_values
from stepcache.pipelines.platform.keyed_values import KeyedValues
from stepcache.pipelines.platform.settings import Kind

_OPTIONS = {Kind.SECRET: "--secret", Kind.CONFIG_MAP: "--config-map"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Bindings:
    """Secrets, config maps and volumes by name. The same for every task of a run."""

    secrets: Mapping[str, KeyedValues] = field(default_factory=dict)
    config_maps: Mapping[str, KeyedValues] = field(default_factory=dict)
    volumes: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        secrets: Iterable[str] = (),
        config_maps: Iterable[str] = (),
        volumes: Iterable[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Bindings:
        """The bindings that the options say, read now and once.

        Relative paths start at ``directory`` (default: where the process is). Raises one InputError that names
        every problem, and no value.
        """
        environment = os.environ if environment is None else environment
        directory = Path.cwd() if directory is None else directory
        problems: list[str] = []
        keyed = {}
        for kind, texts in ((Kind.SECRET, secrets), (Kind.CONFIG_MAP, config_maps)):
            found: dict[str, KeyedValues] = {}
            for text in texts:
                try:
                    name, values = _keyed(text, kind, environment, directory)
                    _join(found, name, values, kind)
                except ValueError as error:
                    problems.append(str(error))
            keyed[kind] = found
        bound: dict[str, Path] = {}
        for text in volumes:
            try:
                name, path = _volume(text, directory)
                if bound.setdefault(name, path) != path:
                    raise ValueError(f"the volume '{name}' is given twice")  # noqa: TRY301 - one list of problems
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise InputError(
                "; ".join(problems),
                remedy="write NAME=FILE, NAME=DIRECTORY, NAME=env:VARIABLE or NAME/KEY=FILE; a value itself is not "
                "taken, since it would be seen by others and stay in your shell's history",
            )
        return cls(keyed[Kind.SECRET], keyed[Kind.CONFIG_MAP], bound)

    def of(self, kind: Kind) -> Mapping[str, KeyedValues]:
        """The secrets or the config maps."""
        return self.secrets if kind is Kind.SECRET else self.config_maps

    def redactor(self) -> Redactor:
        """Finds the values of all secrets."""
        return Redactor.of(value for secret in self.secrets.values() for _, value in secret.items())


def option(kind: Kind) -> str:
    """The option of the command line that gives a secret or a config map."""
    return _OPTIONS[kind]


def is_name(text: str) -> bool:
    """Whether Kubernetes takes it as the name of a secret, a config map or a volume claim."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def _keyed(text: str, kind: Kind, environment: Mapping[str, str], directory: Path) -> tuple[str, KeyedValues]:
    target, equals, source = text.partition("=")
    name, slash, key = target.partition("/")
    if not equals or not source or not is_name(name) or (slash and not keyed_values.is_key(key)):
        # Not the text itself: what was meant as NAME=FILE may hold a value.
        raise ValueError(f"an argument of {option(kind)} is neither NAME=SOURCE nor NAME/KEY=SOURCE")
    try:
        return name, keyed_values.read(source, kind, key, environment, directory)
    except ValueError as error:
        raise ValueError(f"what is given for the {kind} '{target}' {error}") from None


def _join(found: dict[str, KeyedValues], name: str, values: KeyedValues, kind: Kind) -> None:
    try:
        found[name] = found[name].joined(values) if name in found else values
    except ValueError as error:
        raise ValueError(f"the {kind} '{name}': {error}") from None


def _volume(text: str, directory: Path) -> tuple[str, Path]:
    name, equals, source = text.partition("=")
    if not equals or not source or not is_name(name):
        raise ValueError(f"'{text}', an argument of --volume, is not NAME=DIRECTORY")
    path = directory / Path(source).expanduser()
    if not path.is_dir():
        raise ValueError(f"the volume '{name}' is to be {path}, which is no directory")
    return name, path.resolve()
