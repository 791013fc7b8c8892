"""Packages that differ between two executions: what was asked for, and what that came to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from stepcache.executors.distributions import normalise
from stepcache.executors.environments.lock import Lock
from stepcache.executors.lightweight import LightweightComponent
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.model import ABSENT, JsonValue

FindLock = Callable[[str], Lock | None]
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[\[=<>!~;@( ])")


def compare(
    codes: tuple[LightweightComponent | None, LightweightComponent | None],
    digests: tuple[JsonValue, JsonValue],
    find: FindLock,
) -> list[Difference]:
    """``codes`` are the two components, ``digests`` those of the locks of what they ran on, each the old one first.

    What is asked for comes first, and behind it what came along.
    """
    asked = _asked(codes[0]), _asked(codes[1])
    old_lock, new_lock = (find(digest) if isinstance(digest, str) else None for digest in digests)
    found = [_asked_for(name, asked) for name in sorted(asked[0].keys() | asked[1].keys())]
    if digests[0] == digests[1]:
        return [_with_version(one, new_lock) for one in found if one.old != one.new] + _of_sdk(codes)
    if old_lock is None or new_lock is None:
        changed = [one for one in found if one.old != one.new]
        note = "the packages changed; the lock of one of the two is not kept in this home, so no more can be told"
        return changed + _of_sdk(codes) or [Difference(Part.REQUIREMENT, "", *digests, note=note)]
    return _locked(old_lock.distributions, new_lock.distributions, asked) + _of_sdk(codes)


def _locked(
    old: Mapping[str, str], new: Mapping[str, str], asked: tuple[dict[str, str], dict[str, str]]
) -> list[Difference]:
    names = asked[0].keys() | asked[1].keys()
    first, others = [], []
    for name in sorted(old.keys() | new.keys() | names):
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        wanted = asked[0].get(name, ABSENT), asked[1].get(name, ABSENT)
        if before == after and wanted[0] == wanted[1]:
            continue
        if before == after:
            first.append(Difference(Part.REQUIREMENT, name, *wanted, note=f"both come to {before}"))
        elif name in names:
            note = f"asked for as {_quoted(wanted[0])}, now {_quoted(wanted[1])}" if wanted[0] != wanted[1] else ""
            first.append(Difference(Part.REQUIREMENT, name, before, after, note=note))
        else:
            others.append(Difference(Part.REQUIREMENT, name, before, after))
    return first + others


def _asked_for(name: str, asked: tuple[dict[str, str], dict[str, str]]) -> Difference:
    return Difference(Part.REQUIREMENT, name, asked[0].get(name, ABSENT), asked[1].get(name, ABSENT))


def _with_version(one: Difference, lock: Lock | None) -> Difference:
    version = None if lock is None else lock.distributions.get(one.name)
    note = "both come to the same packages" if version is None else f"both come to {version}"
    return Difference(one.part, one.name, one.old, one.new, note=note)


def _of_sdk(codes: tuple[LightweightComponent | None, LightweightComponent | None]) -> list[Difference]:
    """The KFP SDK that its own command installs; steps get the engine's, so that only the command differs."""
    old, new = (None if code is None else code.kfp_requirement for code in codes)
    if old == new or None in codes:
        return []
    note = "as the SDK has written it into the command"
    before, after = (ABSENT if text is None else text for text in (old, new))
    return [Difference(Part.REQUIREMENT, "kfp", before, after, note=note)]


def _asked(code: LightweightComponent | None) -> dict[str, str]:
    """What a component asks for, by normalised name; a URL or a path by itself."""
    if code is None:
        return {}
    own = () if code.author_kfp is None else (code.author_kfp,)
    found = {}
    for text in (*code.requirements, *own):
        match = _NAME.match(text)
        found[normalise(match[1]) if match else text] = text
    return found


def _quoted(text: JsonValue) -> str:
    return "nothing" if text is ABSENT else f"'{text}'"
