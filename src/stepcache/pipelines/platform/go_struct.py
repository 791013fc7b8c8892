"""What Go makes of JSON that it reads into a struct of Kubernetes and writes again.

Fields that the struct does not have are gone, names count in any case, and a field with its zero value is absent
where the struct says ``omitempty``. Only what TaskConfig takes from parameters is here:
``Toleration`` and ``NodeAffinity`` of ``k8s.io/api/core/v1``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.model import JsonValue

_Reader = Callable[[JsonValue, str], JsonValue]
_INT32, _INT64 = 31, 63


@dataclass(frozen=True, slots=True)
class _Field:
    """A field: how its value is read, its zero value, and whether that is written."""

    read: _Reader
    zero: JsonValue = None
    written_when_zero: bool = False


def toleration(value: JsonValue) -> JsonValue:
    """A toleration. Raises ValueError, with a sentence for people, for what Go would not read."""
    return _TOLERATION(value, "the toleration")


def node_affinity(value: JsonValue) -> Mapping[str, JsonValue]:
    """A node affinity. Raises ValueError, with a sentence for people, for what Go would not read."""
    read = _NODE_AFFINITY(value, "the node affinity")
    return read if isinstance(read, dict) else {}


def labels(value: JsonValue) -> Mapping[str, str]:
    """A map from text to text. Raises ValueError, with a sentence for people, for anything else."""
    if not isinstance(value, Mapping):
        raise ValueError("the node selector is no JSON object")  # noqa: TRY004 - bad data
    return {
        name: str(_text("" if item is None else item, f"'{name}' of the node selector"))
        for name, item in value.items()
    }


def _text(value: JsonValue, place: str) -> JsonValue:
    if not isinstance(value, str):
        raise ValueError(f"{place} is no text")  # noqa: TRY004 - bad data
    return value


def _whole(bits: int) -> _Reader:
    def read(value: JsonValue, place: str) -> JsonValue:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            raise ValueError(f"{place} is no whole number")
        if not -(2**bits) <= value < 2**bits:
            raise ValueError(f"{place} is too large")
        return int(value)

    return read


def _several(item: _Reader, zero: JsonValue) -> _Reader:
    def read(value: JsonValue, place: str) -> JsonValue:
        if not isinstance(value, list):
            raise ValueError(f"{place} is no list")  # noqa: TRY004 - bad data
        return [zero if one is None else item(one, f"an item of {place}") for one in value]

    return read


def _struct(**fields: _Field) -> _Reader:
    known = {name.lower(): name for name in fields}

    def read(value: JsonValue, place: str) -> JsonValue:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise ValueError(f"{place} is no JSON object")  # noqa: TRY004 - bad data
        given: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = known.get(key.lower())
            if name is not None and item is not None:
                given[name] = fields[name].read(item, f"'{name}' of {place}")
        written = {}
        for name, field in fields.items():
            result = given.get(name, field.zero)
            if field.written_when_zero or not _is_zero(result, field.zero):
                written[name] = result
        return written

    return read


def _is_zero(value: JsonValue, zero: JsonValue) -> bool:
    return value is None or (value == [] if zero is None else value == zero)


_TOLERATION = _struct(
    key=_Field(_text, ""),
    operator=_Field(_text, ""),
    value=_Field(_text, ""),
    effect=_Field(_text, ""),
    tolerationSeconds=_Field(_whole(_INT64)),
)
_REQUIREMENT = _struct(
    key=_Field(_text, "", written_when_zero=True),
    operator=_Field(_text, "", written_when_zero=True),
    values=_Field(_several(_text, "")),
)
_NO_REQUIREMENT: JsonValue = {"key": "", "operator": ""}
_TERM = _struct(
    matchExpressions=_Field(_several(_REQUIREMENT, _NO_REQUIREMENT)),
    matchFields=_Field(_several(_REQUIREMENT, _NO_REQUIREMENT)),
)
_NODE_SELECTOR = _struct(nodeSelectorTerms=_Field(_several(_TERM, {}), written_when_zero=True))
_PREFERRED = _struct(
    weight=_Field(_whole(_INT32), 0, written_when_zero=True),
    preference=_Field(_TERM, {}, written_when_zero=True),
)
_NODE_AFFINITY = _struct(
    requiredDuringSchedulingIgnoredDuringExecution=_Field(_NODE_SELECTOR),
    preferredDuringSchedulingIgnoredDuringExecution=_Field(_several(_PREFERRED, {"weight": 0, "preference": {}})),
)
