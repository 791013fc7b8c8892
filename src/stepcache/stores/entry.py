"""An entry: the stored result of one key, at most one per key (protocol.md, P1)."""

from __future__ import annotations

from dataclasses import field

from stepcache.light_dataclasses import dataclass

UNLIMITED = -1
"""``max_staleness`` of an entry that never grows stale."""


@dataclass(frozen=True, slots=True)
class Description:
    """What KFP's table has no column for: whose result this is and what its key was made of."""

    namespace: str = ""
    pipeline: str = ""
    component: str = ""
    task: str = ""
    run_id: str = ""
    duration: float = 0.0
    """Seconds that the execution took."""
    parts: str = "{}"
    """The key's parts, a JSON object; never contains a secret value."""


@dataclass(frozen=True, slots=True)
class ArtifactReference:
    """One artifact that an entry's output needs: SHA-256 in lower-case hex, and size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a writer hands to ``publish`` or ``put``."""

    output: str
    """The result, any text (``ExecutionOutput``); JSON by convention."""
    template: str = ""
    """What was executed, any text (``ExecutionTemplate``)."""
    max_staleness: int = UNLIMITED
    """Seconds for which the entry may be reused; -1 without limit; 0 never."""
    description: Description = field(default_factory=Description)
    artifacts: tuple[ArtifactReference, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read at one moment of the database's clock."""

    key: str
    id: int
    output: str
    max_staleness: int
    started_at: int
    """Seconds since the epoch, by the database's clock: when the execution was claimed (for ``put``: written)."""
    ended_at: int
    """Seconds since the epoch, by the database's clock: when the result was stored."""
    age: float
    """Seconds from ``started_at`` to the moment of reading, by the database's clock."""
    published_by: str
    """``claim_id`` of the claim that stored this output, or an id that ``put`` made up. A refresh changes it and
    keeps ``id``; withdrawal is conditional on it. ``row ID`` for a row that another program wrote."""
    duration: float = 0.0
    """Seconds that the execution took; what a hit saves."""


def is_fresh(entry: Entry, *, max_staleness: float = UNLIMITED, asked: float = 0.0) -> bool:
    """Whether ``entry`` may be reused by a caller with this limit (protocol.md, Operations).

    Both limits count: the entry's own and the caller's, in seconds, negative for none; a limit of 0 refuses
    always. ``asked`` is how many seconds ago the caller first asked: age is counted up to that moment, so that a
    result whose execution outlasts the limit still serves those who waited for it, instead of being executed
    again by each of them in turn.
    """
    age = entry.age - asked
    return _allows(entry.max_staleness, age) and _allows(max_staleness, age)


def _allows(limit: float, age: float) -> bool:
    return limit < 0 or (limit > 0 and age <= limit)
