"""The search for bit rot: every stored output is read again, whatever was proven before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any

from stepcache.artifacts.artifact import Artifact, Verdict
from stepcache.artifacts.contract import ArtifactStore
from stepcache.cache.output import Output
from stepcache.cache.reason import Reason
from stepcache.cache.retention.collector import CollectedStore
from stepcache.light_dataclasses import dataclass
from stepcache.stores.unused import StoredOutput

_REASONS = {Verdict.MISSING: Reason.OUTPUT_MISSING, Verdict.ALTERED: Reason.OUTPUT_ALTERED}


@dataclass(frozen=True, slots=True)
class Damage:
    """An entry that must not be reused, and why."""

    entry: StoredOutput
    reason: Reason
    artifacts: tuple[str, ...] = ()
    """The digests of the outputs that are damaged; none when it is the entry's own text."""

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "key": self.entry.key,
            "pipeline": self.entry.pipeline,
            "component": self.entry.component,
            "task": self.entry.task,
            "reason": str(self.reason),
            "artifacts": list(self.artifacts),
        }


@dataclass(slots=True)
class Verification:
    """What was read, and what was found."""

    entries: int = 0
    artifacts: int = 0
    bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)


async def verify(
    store: CollectedStore,
    artifacts: ArtifactStore,
    *,
    dry_run: bool,
    progress: Callable[[Verification], None] = lambda _: None,
) -> Verification:
    """Read every output of every entry; withdraw what is damaged, unless ``dry_run``.

    Race: an entry that is refreshed, or collected, while it is looked at. It is withdrawn, and told of, only while
    it is the one that was looked at (``test_an_entry_that_was_replaced_meanwhile_is_spared``).
    """
    found, intact = Verification(), set[Artifact]()
    after = 0
    while page := await store.stored_outputs(after=after):
        for entry in page:
            damage = await _look(entry, artifacts, intact, found)
            if damage is not None and await _stands(store, entry, dry_run=dry_run):
                found.damaged.append(damage)
            found.entries += 1
            progress(found)
        after = page[-1].id
    return found


async def _look(
    entry: StoredOutput, artifacts: ArtifactStore, intact: set[Artifact], found: Verification
) -> Damage | None:
    try:
        outputs: Iterable[Artifact] = Output.from_text(entry.output).artifacts
    except ValueError:
        return Damage(entry, Reason.OUTPUT_ALTERED)
    damaged: dict[str, Reason] = {}
    for artifact in outputs:
        if artifact in intact:
            continue
        reason = _REASONS.get(await asyncio.to_thread(artifacts.verify, artifact, anew=True))
        found.artifacts += 1
        found.bytes += artifact.size
        if reason is None:
            intact.add(artifact)
        else:  # not kept: it may be stored again before the next entry is looked at
            damaged[artifact.digest] = reason
    return Damage(entry, next(iter(damaged.values())), tuple(damaged)) if damaged else None


async def _stands(store: CollectedStore, entry: StoredOutput, *, dry_run: bool) -> bool:
    if not dry_run:
        return await store.withdraw(entry.key, entry.published_by)
    standing = await store.lookup(entry.key)
    return standing is not None and standing.published_by == entry.published_by
