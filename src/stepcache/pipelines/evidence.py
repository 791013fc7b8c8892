"""What the reason for an execution rests on, kept beside it for those who ask later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from stepcache.cache.cache import Holding
from stepcache.cache.reason import Reason
from stepcache.cache.ticket import Ticket
from stepcache.light_dataclasses import dataclass
from stepcache.pipelines import provenance, task_wish
from stepcache.pipelines.provenance import Origin
from stepcache.pipelines.work import Work

if TYPE_CHECKING:
    from stepcache.pipelines.circumstances import Circumstances

ENTRY = "the entry itself"
IMPORTER = "the importer, which is to import anew"
PIPELINE = "the pipeline"
ROTATED = "a secret that the result holds, which has changed"
VOLUMES = "a volume of the run alone, on which it works"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts of the moment at which a task was found to need an execution; what is not known is empty."""

    set_by: str = ""
    """Who set what decided: a rule of a file, an option of the run, or one of the words above."""
    age: float | None = None
    """Of the result that was too old, in seconds."""
    limit: float | None = None
    """How old it might have been."""
    damaged: str = ""
    """The digest of the artifact that was missing or altered; empty when it was the entry's own text."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where inputs came from, by their name."""

    def to_text(self) -> str:
        """The JSON object that a record keeps."""
        facts = {"set_by": self.set_by, "age": self.age, "limit": self.limit, "damaged": self.damaged}
        document: dict[str, object] = {name: fact for name, fact in facts.items() if fact not in ("", None)}
        if self.origins:
            document["origins"] = {name: origin.to_document() for name, origin in self.origins.items()}
        return json.dumps(document)

    @classmethod
    def from_text(cls, text: str) -> Evidence:
        """What ``to_text`` described; nothing for an empty text, as older releases left it."""
        document = json.loads(text or "{}")
        found = {name: Origin.from_document(origin) for name, origin in document.pop("origins", {}).items()}
        return cls(**document, origins=found)


def of_miss(  # noqa: PLR0913 - what decided
    reason: Reason, name: str, work: Work, *, holding: Holding, ticket: Ticket, given: Circumstances
) -> Evidence:
    """Of the task with the path ``name``, which is executed under ``holding``."""
    origins = provenance.origins(given.pipeline, name)
    policy = task_wish.policy_of(work.component, name, given)
    if reason is Reason.STALE and holding.stale is not None:
        age, own = holding.stale.age, float(holding.stale.max_staleness)
        if 0 <= own < age:
            return Evidence(ENTRY, age, own, origins=origins)
        setter = _setter("max_staleness", name, work, given)
        return Evidence(setter, age, task_wish.limit(policy), origins=origins)
    if reason is Reason.REFRESHED:
        if work.refreshes:
            setter = IMPORTER
        else:
            chosen = task_wish.limit(policy) == 0
            setter = _setter("max_staleness", name, work, given) if chosen else ROTATED
        return Evidence(setter, origins=origins)
    if reason in (Reason.OUTPUT_MISSING, Reason.OUTPUT_ALTERED):
        return Evidence(damaged=ticket.damaged, origins=origins)
    return Evidence(origins=origins)


def of_uncached(name: str, work: Work, given: Circumstances) -> Evidence:
    """Of the task with the path ``name``, which does not use the cache."""
    if not work.is_reusable:
        return Evidence(VOLUMES)
    if task_wish.policy_of(work.component, name, given).cache is False:
        return Evidence(_setter("cache", name, work, given))
    return Evidence(PIPELINE)


def _setter(setting: str, name: str, work: Work, given: Circumstances) -> str:
    return given.policies.set_by(setting, given.pipeline.name, work.component.name, name)
