"""Why a task was executed and not reused."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The one enumeration of reasons; ``docs/protocol.md`` describes each."""

    FIRST_SEEN = "first_seen"
    """The key has no entry, as far as is known for the first time."""
    CHANGED = "changed"
    """The key has no entry, but the same component was executed before under another key."""
    STALE = "stale"
    """The entry is older than its own limit or the caller's."""
    OUTPUT_MISSING = "output_missing"
    """Something that the entry's output names is not in the artifact store any more."""
    OUTPUT_ALTERED = "output_altered"
    """The bytes in the artifact store, or the entry's own text, are not what was stored."""
    CACHING_OFF = "caching_off"
    """The task does not ask for caching."""
    REFRESHED = "refreshed"
    """There is an entry, and the caller asked for a new execution (a limit of 0)."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The store could not be asked, and the caller chose to go on without it."""
