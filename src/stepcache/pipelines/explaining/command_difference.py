"""What is executed: image, command and arguments, or the source and the options of a lightweight component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from stepcache.executors import lightweight
from stepcache.executors.lightweight import LightweightComponent
from stepcache.pipelines.explaining import text_difference
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.part import Part
from stepcache.pipelines.model import ABSENT, JsonValue

Codes = tuple[LightweightComponent | None, LightweightComponent | None]


def codes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Codes:
    """The Python of two components, as stored parts describe them."""
    return _parsed(old), _parsed(new)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What differs but requirements; the image by its name."""
    found = []
    if old["image"] != new["image"]:
        found.append(Difference(Part.IMAGE, "", old["image"], new["image"]))
    before, after = codes(old, new)
    if before is None or after is None:
        found += _words(Part.COMMAND, old["command"], new["command"])
        found += _words(Part.ARGUMENT, old["args"], new["args"])
    else:
        found += _lightweight(before, after)
        if not found and not _ask_for_others(before, after) and old["command"] != new["command"]:
            found += _words(Part.COMMAND, old["command"], new["command"])
    return found


def _parsed(component: Mapping[str, Any]) -> LightweightComponent | None:
    return _parse(tuple(component["command"]), tuple(component["args"]))


@lru_cache(maxsize=1024)
def _parse(command: tuple[str, ...], args: tuple[str, ...]) -> LightweightComponent | None:
    return lightweight.parse(command, args)


def _ask_for_others(old: LightweightComponent, new: LightweightComponent) -> bool:
    """Whether they ask for other packages, which explains another command."""
    asked = [(code.requirements, code.kfp_requirement, code.author_kfp) for code in (old, new)]
    return asked[0] != asked[1]


def _lightweight(old: LightweightComponent, new: LightweightComponent) -> Iterator[Difference]:
    if old.source != new.source:
        lines = text_difference.lines(old.source, new.source)
        yield Difference(Part.SOURCE, new.function, lines=lines)
    if old.function != new.function:
        yield Difference(Part.FUNCTION, "", old.function, new.function)
    yield from _options(_pairs(old.pip_options), _pairs(new.pip_options))
    yield from _words(Part.ARGUMENT, _without_function(old), _without_function(new))


def _without_function(code: LightweightComponent) -> list[str]:
    return [word.replace(code.function, "") if code.function in word else word for word in code.arguments]


def _pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    """Each option with its value."""
    found: list[tuple[str, str]] = []
    for word in options:
        if word.startswith("-") or not found:
            name, _, value = word.partition("=")
            found.append((name, value))
        else:
            found[-1] = (found[-1][0], word)
    return found


def _options(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> Iterator[Difference]:
    names = dict.fromkeys(name for name, _ in (*old, *new))
    for name in names:
        before, after = ([value for option, value in options if option == name] for options in (old, new))
        if before != after:
            yield Difference(Part.PIP_OPTION, name, _one(before), _one(after))
    if old != new and sorted(old) == sorted(new):
        yield Difference(Part.PIP_OPTION, "", [" ".join(one) for one in old], [" ".join(one) for one in new])


def _words(part: Part, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Words that were replaced, added or removed; each called by the option before it, if there is one."""
    for kind, begin, end, other_begin, other_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        before, after = list(old[begin:end]), list(new[other_begin:other_end])
        name = _option_before(new, other_begin)
        if len(before) == len(after):
            for offset, (one, other) in enumerate(zip(before, after, strict=True)):
                yield _word(part, name if not offset else _option_before(new, other_begin + offset), one, other)
        else:
            yield Difference(part, name, _one(before), _one(after))


def _word(part: Part, name: str, old: str, new: str) -> Difference:
    if "\n" in old or "\n" in new:
        return Difference(part, name, lines=text_difference.lines(old, new))
    return Difference(part, name, old, new)


def _option_before(words: Sequence[str], position: int) -> str:
    before = words[position - 1] if position else ""
    return before if before.startswith("-") and "\n" not in before else ""


def _one(values: list[str]) -> JsonValue:
    """A single value as itself."""
    if not values:
        return ABSENT
    return values[0] if len(values) == 1 else values
