"""What is searched: the protocol within bounds, and what breaks it.

The words are defined in ``protocol.pml``.
"""

from __future__ import annotations

from dataclasses import dataclass

P1 = "entries==1"
P2 = "live_lease==0"
P3 = "live_id==claim_id"
P3_REVOKED = "!(revoked[p])"
P4 = "executing[0]&&"
P5_DAMAGED = "entry_damaged"
P5_STORED = "stored[p]"
ONCE = "refresh[p]"
STUCK = "invalid end state"


@dataclass(frozen=True, slots=True)
class Holds:
    """Bounds within which every property holds."""

    name: str
    defines: str
    states: int
    """At least so many are visited; fewer would mean that the model has lost some of what can happen."""
    reaches_everything: bool = False
    """Whether every statement of the model is reached: no property holds because something cannot happen."""
    cycles: bool = False
    """Whether histories that never end are looked for, instead of violations."""
    megabytes: int = 2000


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that is left out, and the property that falls with it."""

    rule: str
    broken: str
    defines: str = "TROUBLES=2 RENEWALS=0"


HOLDS = (
    Holds("one trouble, renewals", "TROUBLES=1", 1_250_000, reaches_everything=True),
    Holds("two troubles", "TROUBLES=2 RENEWALS=0 LEASE=1", 2_000_000),
    Holds("three workers", "WORKERS=3 TROUBLES=0 RENEWALS=0 NOBODY_REFRESHES", 450_000),
    Holds("a claim of several statements", "TROUBLES=1 RENEWALS=0 CLAIM_BY_STATEMENTS", 450_000),
    Holds("everybody is answered", "TROUBLES=1 RENEWALS=0", 500_000, cycles=True),
    Holds("a step that is slow to end", "TROUBLES=1 RENEWALS=0 SLOW_STOP STOP_EARLY", 500_000),
)

LONG = (
    Holds("two troubles, renewals", "TROUBLES=2", 15_000_000, megabytes=6000),
    Holds("three workers", "WORKERS=3 TROUBLES=0 RENEWALS=0 LEASE=1", 2_200_000),
    Holds("three troubles", "TROUBLES=3 RENEWALS=0 LEASE=1", 15_000_000, megabytes=6000),
    Holds(
        "three workers, one trouble",
        "WORKERS=3 TROUBLES=1 RENEWALS=0 LEASE=1 NOBODY_REFRESHES",
        12_000_000,
        megabytes=4000,
    ),
    Holds(
        "several statements, two troubles", "TROUBLES=2 RENEWALS=0 CLAIM_BY_STATEMENTS", 6_000_000, megabytes=4000
    ),
    Holds("everybody is answered, two troubles", "TROUBLES=2 RENEWALS=0", 6_000_000, cycles=True, megabytes=4000),
    Holds("late claims", "TROUBLES=2 RENEWALS=0 WHOLE_CLAIMS_ARE_LATE WITHOUT_P4", 3_000_000),
)
"""Minutes each, and gigabytes of memory."""

MUTANTS = (
    Mutant("NO_FENCE", P3),
    Mutant("FENCE_BY_ID_ONLY", P3_REVOKED),
    Mutant("FENCE_BY_TOKEN_ONLY", P3),
    Mutant("LOOK_BEFORE_CLAIM", P2),
    Mutant("READ_BEFORE_CLAIM", ONCE),
    Mutant("PUBLISH_IN_TWO", P3),
    Mutant("INVALIDATE_THE_ENTRY_ONLY", P3_REVOKED),
    Mutant("CHECK_THEN_INSERT", P1),
    Mutant("WITHDRAW_WHATEVER_STANDS", P5_DAMAGED),
    Mutant("ANSWER_BEFORE_COMMIT", P5_STORED),
    Mutant("NO_EXPIRY", STUCK),
    Mutant("IGNORE_DEADLINE", P4),
    Mutant("DEADLINE_FROM_ANSWER", P4),
    Mutant("SLOW_STOP", P4, "TROUBLES=1 RENEWALS=0"),
    Mutant("TAKE_OVER_BEFORE_THE_KILL", P4),
)

LIMITS = (
    Mutant("CLOCK_JUMPS", P4, "TROUBLES=1 RENEWALS=0"),
    Mutant("WHOLE_CLAIMS_ARE_LATE", P4, "TROUBLES=2 RENEWALS=0 LEASE=1"),
)
"""What costs P4 and nothing else."""
