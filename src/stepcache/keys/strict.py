"""The engine's own key, and what is kept of it for ``explain``.

It holds what KFP's v2 fingerprint holds, and what that forgets: environment variables, names of secrets, and what
really runs the step. Input artifacts count by their content, so that an upstream step which is executed again but
writes the same bytes invalidates nothing below it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from json.encoder import encode_basestring
from math import copysign, isfinite
from typing import TYPE_CHECKING, Any, Final

from stepcache.keys.json_writer import write, write_text
from stepcache.light_dataclasses import dataclass

if TYPE_CHECKING:
    from hashlib import _Hash

SCHEME: Final = "strict-1"
"""Named in every key: a change of what a key holds, or how, gets another name."""

_NAME_OF_MASK: Final = "which key masks these parts"
_MAXIMUM_BITS = 2048  # of an integer in decimal: beyond every float64, below the limit of Python's int to str


@dataclass(frozen=True, slots=True)
class Component:
    """What a step executes, and what it promises to leave; the same for every task of a component.

    Immutable: its part of the key is made once. ``command`` and ``args`` are as written, placeholders included.
    """

    image: str
    command: Sequence[str]
    args: Sequence[str]
    output_parameters: Mapping[str, str] = field(default_factory=dict)
    """Types by name, as ``ParameterType`` names them."""
    output_artifacts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by name: type, metadata, whatever distinguishes one declaration from another."""
    pvc_names: Collection[str] = ()
    _text: str = field(init=False, repr=False, compare=False)
    _hashed: dict[str, _Hash] = field(init=False, repr=False, compare=False, default_factory=dict)
    """By namespace."""

    def __post_init__(self) -> None:
        artifacts = write(dict(self.output_artifacts), format_exactly) if self.output_artifacts else "{}"
        object.__setattr__(
            self,
            "_text",
            f'{{"args":{write_text(list(self.args))},"command":{write_text(list(self.command))}'
            f',"image":{write_text(self.image)},"output_artifacts":{artifacts}'
            f',"output_parameters":{write_text(dict(self.output_parameters))}'
            f',"pvc_names":{write_text(sorted(set(self.pvc_names)))}}}',
        )

    def begin(self, namespace: str) -> _Hash:
        """The hash of a key in ``namespace`` up to where its parts begin that may differ between two tasks."""
        begun = self._hashed.get(namespace)
        if begun is None:
            begun = _begin(namespace)
            begun.update(_encode(self._text))
            self._hashed[namespace] = begun  # finished: another thread may copy it at once
        return begun.copy()

    def document(self) -> dict[str, Any]:
        """This part of the key as a JSON value."""
        return {
            "image": self.image,
            "command": list(self.command),
            "args": list(self.args),
            "output_parameters": dict(self.output_parameters),
            "output_artifacts": dict(self.output_artifacts),
            "pvc_names": sorted(set(self.pvc_names)),
        }


@dataclass(frozen=True, slots=True)
class InputArtifact:
    """An artifact that a step reads. ``uri`` counts only where there is no content to name it by."""

    name: str
    type: Mapping[str, str]
    digest: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    uri: str = ""

    def document(self) -> dict[str, Any]:
        """This part of the key as a JSON value."""
        document = {
            "name": self.name,
            "type": dict(self.type),
            "digest": self.digest,
            "metadata": dict(self.metadata),
        }
        return document if self.digest else {**document, "uri": self.uri}


@dataclass(frozen=True, slots=True)
class CustomKey:
    """The user's own key (``cache_key`` of the task's caching options) and the component it belongs to."""

    component: str
    key: str


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that makes two executions the same.

    With ``custom`` set nothing else counts but the namespace, as in KFP (``getFingerPrint``).
    """

    component: Component
    namespace: str = ""
    input_parameters: Mapping[str, Any] = field(default_factory=dict)
    input_artifacts: Mapping[str, Sequence[InputArtifact]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    """Declared variables, values included; their order does not count."""
    secrets: Collection[str] = ()
    """Names of secrets, never values: rotation invalidates nothing. Order and repetition do not count."""
    executor: Mapping[str, str] = field(default_factory=dict)
    """What really runs the step, e.g. ``executors.host.describe()``, or an image's digest."""
    custom: CustomKey | None = None


def strict_key(parts: Parts) -> str:
    """The key: 64 lower-case hex digits.

    Equal parts give equal keys, in every process and Python version. Different parts give different keys (as
    SHA-256 does): the pre-image is typed and prefix-free, and starts with the scheme and the length-prefixed
    namespace. Numbers are equal if their values are (1 and 1.0; KFP's parameters are doubles), except 0 and -0.0;
    true is not 1. Raises ValueError for NaN and infinity, TypeError for what is no JSON value.
    """
    if parts.custom is not None:
        hashed = _begin(parts.namespace)
        hashed.update(_encode(write({"custom": _custom(parts.custom)}, format_exactly)))
    else:
        hashed = parts.component.begin(parts.namespace)
        hashed.update(_encode(_text(parts)))
    return hashed.hexdigest()


def stored_parts(parts: Parts, mask: Callable[[str], str]) -> dict[str, Any]:
    """The parts as a JSON value, to be kept beside the key for ``explain`` and ``plan``.

    Values of environment variables are replaced by ``mask(value)``, which must not be invertible (an HMAC under a
    key of the home), so that they can be compared but not read; ``masked_by`` tells which key that was. Secrets
    are there by name only.
    """
    head: dict[str, Any] = {"scheme": SCHEME, "namespace": parts.namespace}
    if parts.custom is not None:
        return {**head, "custom": _custom(parts.custom)}
    return {
        **head,
        "component": parts.component.document(),
        "input_parameters": dict(parts.input_parameters),
        "input_artifacts": _artifacts(parts.input_artifacts),
        "env": {name: mask(value) for name, value in parts.env.items()},
        "secrets": sorted(set(parts.secrets)),
        "executor": dict(parts.executor),
        "masked_by": mask(_NAME_OF_MASK),
    }


def format_exactly(number: Any) -> str:
    """A number such that different values have different texts, and equal ones the same."""
    if isinstance(number, int):
        return str(number) if number.bit_length() <= _MAXIMUM_BITS else hex(number)
    if not isinstance(number, float):
        raise TypeError(f"{type(number).__name__} is no JSON value")
    if not isfinite(number):
        raise ValueError(f"{number} cannot be part of a key")
    if number.is_integer() and (number or copysign(1, number) > 0):
        return str(int(number))
    return repr(number)


def _begin(namespace: str) -> _Hash:
    encoded = _encode(namespace)
    return hashlib.sha256(b"%b\0%d:%b" % (SCHEME.encode(), len(encoded), encoded))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(parts: Parts) -> str:
    """What differs between two tasks of a component."""
    artifacts = write(_artifacts(parts.input_artifacts), format_exactly) if parts.input_artifacts else "{}"
    surroundings = _surroundings(tuple(parts.env.items()), tuple(parts.executor.items()))
    secrets = write_text(sorted(set(parts.secrets))) if parts.secrets else "[]"
    return (
        f'{{{surroundings},"input_artifacts":{artifacts}'
        f',"input_parameters":{_parameters(parts.input_parameters)},"secrets":{secrets}}}'
    )


@lru_cache(maxsize=256)
def _surroundings(env: tuple[tuple[str, str], ...], executor: tuple[tuple[str, str], ...]) -> str:
    """The same for nearly all tasks of a run."""
    return f'"env":{write_text(dict(env))},"executor":{write_text(dict(executor))}'


def _parameters(parameters: Mapping[str, Any]) -> str:
    pieces = []
    for name in sorted(parameters):
        value = parameters[name]
        if type(value) is str:
            text = encode_basestring(value)
        elif type(value) is int and value.bit_length() <= _MAXIMUM_BITS:
            text = str(value)
        else:
            text = write(value, format_exactly)
        pieces.append(f"{encode_basestring(name)}:{text}")
    return f"{{{','.join(pieces)}}}"


def _artifacts(artifacts: Mapping[str, Sequence[InputArtifact]]) -> dict[str, Any]:
    return {name: [artifact.document() for artifact in items] for name, items in artifacts.items()}


def _custom(custom: CustomKey) -> dict[str, str]:
    return {"component": custom.component, "key": custom.key}
