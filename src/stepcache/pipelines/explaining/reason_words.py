"""Each reason in a sentence for people, with what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepcache.cache.reason import Reason
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.evidence import Evidence
from stepcache.pipelines.explaining import spans
from stepcache.pipelines.explaining.difference import Difference
from stepcache.pipelines.explaining.part import Part
from stepcache.stores.execution import Execution

_IGNORABLE = (Part.PARAMETER, Part.INPUT)
_PACKAGES = (Part.REQUIREMENT, Part.PYTHON, Part.PLATFORM)
_AGAIN = "nothing to do: the next run with the same parts reuses the result"


@dataclass(frozen=True, slots=True)
class Found:
    """What an explanation rests on."""

    evidence: Evidence
    differences: Sequence[Difference] = ()
    nearest: Execution | None = None
    before: Execution | None = None
    """The last execution of the same key before."""
    damaged: str = ""
    """The name of the output that was damaged."""


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence, and what can be done."""

    sentence: str
    remedy: str


def of(reason: Reason, found: Found) -> Words:
    """What is said of a task that was executed for ``reason``."""
    return _WORDS[reason](found)


def _first_seen(found: Found) -> Words:
    if found.differences:
        return _changed(found)
    if found.before is not None:
        return _not_kept(found.before)
    return Words("first seen: nothing was executed before that could be compared with it", _AGAIN)


def _changed(found: Found) -> Words:
    if not found.differences:
        return Words("changed: what the earlier execution was made of is not recorded any more", _AGAIN)
    parts = [difference.part for difference in found.differences]
    told = "; ".join(difference.words() for difference in found.differences[:3])
    more = f"; and {len(parts) - 3} more" if len(parts) > 3 else ""
    return Words(f"changed: {told}{more}", _remedy(found.differences))


def _remedy(differences: Sequence[Difference]) -> str:
    if all(difference.part in _IGNORABLE for difference in differences):
        names = ", ".join(dict.fromkeys(f'"{difference.name.partition(".")[0]}"' for difference in differences))
        return f"if that does not matter, say so in stepcache.toml: ignore_inputs = [{names}] (docs/policy.md)"
    if all(difference.part in _PACKAGES for difference in differences):
        return "pin what the component asks for, or keep the environment of stepcache as it was"
    if all(difference.part is Part.IMAGE for difference in differences):
        return "name the image by its digest to be sure that it stays what it is"
    if all(difference.part is Part.MASKED for difference in differences):
        return "look at passwords in addresses of package indexes, and at values of secrets: only they are masked"
    return "nothing to do: what is executed is not what it was"


def _not_kept(before: Execution) -> Words:
    if before.state == "FAILED":
        return Words(
            f"executed again: the same failed in run {before.run_id}, and failures are not kept",
            "look at the log of the execution that failed",
        )
    if before.state == "SUCCEEDED":
        return Words(
            f"executed again: its result of run {before.run_id} was withdrawn since",
            "results go by invalidation, and when they are collected to make room",
        )
    return Words(f"executed again: the same did not come to its end in run {before.run_id}", _AGAIN)


def _stale(found: Found) -> Words:
    evidence = found.evidence
    if evidence.age is None or evidence.limit is None:
        return Words("stale: the result was older than its limit", "raise max_staleness (docs/policy.md)")
    sentence = f"stale: {spans.words(evidence.age)} old, limit {spans.iso(evidence.limit)}{_set_by(evidence)}"
    return Words(sentence, "raise the limit where it is set, if older results will do")


def _output_missing(found: Found) -> Words:
    return Words(
        f"output missing: {_artifact(found)} was not in the artifact store any more",
        "nothing to do: it was made again. See that nothing but stepcache removes files from the artifact store",
    )


def _output_altered(found: Found) -> Words:
    what = _artifact(found) if found.evidence.damaged else "the text of the entry"
    return Words(
        f"output altered: {what} was not what had been stored",
        "nothing to do: it was made again. See that nothing writes into the artifact store, and look at the disk",
    )


def _caching_off(found: Found) -> Words:
    return Words(
        f"caching off{_set_by(found.evidence)}",
        'switch it on in the pipeline (set_caching_options), or by cache = "on" in stepcache.toml',
    )


def _refreshed(found: Found) -> Words:
    return Words(f"refreshed: a new execution was asked for{_set_by(found.evidence)}", _AGAIN)


def _store_unavailable(_: Found) -> Words:
    return Words("store unavailable: the store could not be asked, and the run went on without it", "see the store")


def _set_by(evidence: Evidence) -> str:
    return f", set by {evidence.set_by}" if evidence.set_by else ""


def _artifact(found: Found) -> str:
    digest = found.evidence.damaged[:12]
    return f"output {found.damaged} ({digest})" if found.damaged else f"an output ({digest or 'unknown'})"


_WORDS: dict[Reason, Callable[[Found], Words]] = {
    Reason.FIRST_SEEN: _first_seen,
    Reason.CHANGED: _changed,
    Reason.STALE: _stale,
    Reason.OUTPUT_MISSING: _output_missing,
    Reason.OUTPUT_ALTERED: _output_altered,
    Reason.CACHING_OFF: _caching_off,
    Reason.REFRESHED: _refreshed,
    Reason.STORE_UNAVAILABLE: _store_unavailable,
}
