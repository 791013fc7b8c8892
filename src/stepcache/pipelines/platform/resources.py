"""What a task asks of its node: CPU, memory, accelerators, in the JSON that Kubernetes writes.

Rules: ``getPodResource`` and ``initPodSpecPatch`` in ``backend/src/v2/driver`` of kubeflow/pipelines. Nothing here
is carried out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from stepcache.pipelines.model import JsonValue
from stepcache.pipelines.platform.quantity import canonical

_CHANNEL = re.compile(r"\$.inputs.parameters\['(?P<name>.+?)'\]")
_AMOUNTS = (
    ("limits", "memory", "resourceMemoryLimit", "memoryLimit", "G"),
    ("requests", "memory", "resourceMemoryRequest", "memoryRequest", "G"),
    ("limits", "cpu", "resourceCpuLimit", "cpuLimit", ""),
    ("requests", "cpu", "resourceCpuRequest", "cpuRequest", ""),
)
_PLAIN = range(-4, 6)
"""The powers of ten that Go's ``%v`` writes without an exponent."""


def document(spec: Mapping[str, JsonValue], parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The resource requirements in a ``ResourceSpec``, for a task with these input parameters.

    Raises ValueError, with a sentence for people, for what is no quantity, and for an input that is not there.
    """
    found: dict[str, dict[str, JsonValue]] = {"limits": {}, "requests": {}}
    for side, name, text, number, unit in _AMOUNTS:
        amount = _amount(spec, text, number, unit, parameters)
        if amount is not None:
            found[side][name] = _quantity(amount, f"the {name} {side.removesuffix('s')}")
    accelerator = spec.get("accelerator")
    if accelerator is not None:
        kind = _resolved(accelerator.get("resourceType") or accelerator.get("type") or "", parameters)
        count = _count(accelerator, parameters)
        if kind and count:
            found["limits"][kind] = _quantity(count, f"the number of {kind}")
    return {side: amounts for side, amounts in found.items() if amounts}


def _amount(
    spec: Mapping[str, JsonValue], text: str, number: str, unit: str, parameters: Mapping[str, JsonValue]
) -> str | None:
    """The text that SDKs from 2.10 on write counts before the number that they and older ones do."""
    if spec.get(text):
        return _resolved(spec[text], parameters)
    return _printed(float(spec[number])) + unit if spec.get(number) else None


def _count(accelerator: Mapping[str, JsonValue], parameters: Mapping[str, JsonValue]) -> str:
    if accelerator.get("resourceCount"):
        return _resolved(accelerator["resourceCount"], parameters)
    count = int(accelerator.get("count") or 0)
    return str(count) if count > 0 else ""


def _resolved(text: str, parameters: Mapping[str, JsonValue]) -> str:
    """The input parameter that stands for ``text``, if one does; one that is no text counts as empty, as in KFP."""
    match = _CHANNEL.search(text)
    if match is None:
        return text
    if match["name"] not in parameters:
        raise ValueError(f"a resource comes from the input parameter '{match['name']}', which has no value")
    value = parameters[match["name"]]
    return value if isinstance(value, str) else ""


def _quantity(text: str, what: str) -> str:
    try:
        return canonical(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _printed(number: float) -> str:
    """A number as Go's ``%v`` prints it."""
    sign, digits, _ = Decimal(repr(number)).normalize().as_tuple()
    exponent = Decimal(repr(number)).adjusted()
    if exponent in _PLAIN:
        return f"{Decimal(repr(number)).normalize():f}"
    first, rest = digits[0], "".join(map(str, digits[1:]))
    mantissa = f"{first}.{rest}" if rest else str(first)
    return f"{'-' if sign else ''}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
