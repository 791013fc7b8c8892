"""The parts of two keys, compared (``keys.strict.stored_parts``, ``keys.dag.stored_parts``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepcache.executors.environments.lock import Lock
from stepcache.pipelines.explaining import command_difference, package_difference
from stepcache.pipelines.explaining.difference import MASKED, Difference, of_members, same
from stepcache.pipelines.explaining.package_difference import FindLock
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.model import ABSENT

_EXECUTOR = {
    "python": Part.PYTHON,
    "implementation": Part.PYTHON,
    "platform": Part.PLATFORM,
    "uri": Part.IMPORT,
    "metadata": Part.IMPORT,
    "look": Part.IMPORT,
}
_ABOUT_INPUTS = ("name", "type", "metadata", "uri")


def compare(old: Mapping[str, Any], new: Mapping[str, Any], find: FindLock) -> tuple[Difference, ...]:
    """What is different in ``new``, whose key is another one than that of ``old``; at least one difference.

    ``find`` answers the lock of a digest, None where it is not known.
    """
    found = list(_differences(old, new, find))
    if found:
        return tuple(found)
    if old.get("masked_by") != new.get("masked_by"):
        note = "the values of variables and secrets were masked by two homes, so they cannot be compared"
        return (Difference(Part.MASKED, note=note),)
    return (Difference(Part.MASKED, note=MASKED),)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], find: FindLock) -> Iterator[Difference]:
    if old.get("scheme") != new.get("scheme"):
        yield Difference(Part.SCHEME, "", old.get("scheme", ABSENT), new.get("scheme", ABSENT))
    if "custom" in old or "custom" in new:
        yield from _custom(old, new)
        return
    comparable = old.get("masked_by") == new.get("masked_by")
    members = [(Part.PARAMETER, "input_parameters"), (Part.ENVIRONMENT_VARIABLE, "env")]
    parameters, variables = (
        of_members(part, old.get(name, {}), new.get(name, {}), comparable=comparable) for part, name in members
    )
    yield from parameters
    yield from _inputs(old.get("input_artifacts", {}), new.get("input_artifacts", {}), comparable=comparable)
    if "component" in old and "component" in new:
        yield from _component(old["component"], new["component"])
        yield from _executed_by(old, new, find)
    yield from variables
    yield from of_members(Part.SECRET, _listed(old.get("secrets", ())), _listed(new.get("secrets", ())))
    if not same(old.get("content", ABSENT), new.get("content", ABSENT)):
        yield Difference(Part.DEFINITION, "", old.get("content", ABSENT), new.get("content", ABSENT))
    yield from of_members(Part.SURROUNDINGS, old.get("surroundings", {}), new.get("surroundings", {}))


def _custom(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    before, after = (parts.get("custom", {}).get("key", ABSENT) for parts in (old, new))
    if not same(before, after):
        yield Difference(Part.CUSTOM_KEY, "", before, after)


def _inputs(old: Mapping[str, Any], new: Mapping[str, Any], *, comparable: bool) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, []), new.get(name, [])
        digests = [_one([item["digest"] for item in items]) for items in (before, after)]
        if not same(*digests):
            yield Difference(Part.INPUT, name, *digests)
            continue
        for about in _ABOUT_INPUTS:
            values = [_one([item.get(about, ABSENT) for item in items]) for items in (before, after)]
            found = of_members(Part.INPUT, *({f"{name}.{about}": value} for value in values), comparable=comparable)
            yield from found if values[0] is not ABSENT or values[1] is not ABSENT else ()


def _one(values: list[Any]) -> Any:
    """One value as itself; a list of several, without those that are not there."""
    there = [value for value in values if value is not ABSENT]
    if not there:
        return ABSENT
    return there[0] if len(values) == 1 else there


def _component(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    yield from command_difference.compare(old, new)
    yield from of_members(Part.OUTPUT, old["output_parameters"], new["output_parameters"])
    yield from of_members(Part.OUTPUT, old["output_artifacts"], new["output_artifacts"])
    yield from of_members(Part.VOLUME, _listed(old["pvc_names"]), _listed(new["pvc_names"]))


def _executed_by(old: Mapping[str, Any], new: Mapping[str, Any], find: FindLock) -> Iterator[Difference]:
    before, after = old.get("executor", {}), new.get("executor", {})
    if before.get("kind") != after.get("kind"):
        yield Difference(Part.EXECUTOR, "", before.get("kind", ABSENT), after.get("kind", ABSENT))
        return
    codes = command_difference.codes(old["component"], new["component"])
    yield from package_difference.compare(codes, (before.get("lock"), after.get("lock")), find)
    named = old["component"]["image"] == new["component"]["image"]
    for name in sorted((before.keys() | after.keys()) - {"kind", "lock"}):
        values = before.get(name, ABSENT), after.get(name, ABSENT)
        if same(*values):
            continue
        if name != "image":
            yield Difference(_EXECUTOR.get(name, Part.EXECUTOR), name, *values)
        elif named:  # another name is another image anyway
            yield Difference(
                Part.IMAGE, "", *values, note=f"{new['component']['image']} stands for another image now"
            )


def _listed(names: Any) -> dict[str, str]:
    return {name: name for name in names}


def nothing_known(_: str) -> Lock | None:
    """A ``FindLock`` that knows no lock."""
    return None
