"""What a run is given from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import JsonValue


@dataclass(frozen=True, slots=True)
class RootInputs:
    """The inputs of a pipeline's root, checked against what it declares (see ``arguments.resolve``)."""

    parameters: dict[str, JsonValue] = field(default_factory=dict)
    """By name, typed, defaults filled in. An optional one that nobody set, or that was set to null, is absent."""
    artifacts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By name, where its content is: an absolute path that is there, or a URI ``scheme://…`` of another scheme than
    ``file``. One address, or any number of them for a list of artifacts. An optional one not given is absent."""


@dataclass(frozen=True, slots=True)
class Given:
    """The inputs of a run as a user gave them; of parameters given both ways, the texts count."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Parameters as text, from a command line."""
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    """Parameters as JSON values, from a file or a program."""
    artifacts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Artifacts by their paths or URIs."""
