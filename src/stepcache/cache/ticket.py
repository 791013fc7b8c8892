"""One caller's wish for the result of one key."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import field
from enum import StrEnum

from stepcache.cache.reason import Reason
from stepcache.container_engine import Reference
from stepcache.light_dataclasses import dataclass
from stepcache.processes import Process
from stepcache.stores.claim import Busy
from stepcache.stores.entry import UNLIMITED


class Verify(StrEnum):
    """How the outputs of a result are looked at before it is reused (protocol.md, P7)."""

    DIGEST = "digest"
    """Their bytes are those that were stored: hashed, or unchanged since they were."""
    EXISTS = "exists"
    """They are there and of the right size."""


@dataclass(slots=True, eq=False)
class Ticket:
    """What a caller wants, and what has happened to it so far. One ticket serves one caller, one at a time."""

    key: str
    max_staleness: float = UNLIMITED
    """The caller's own limit in seconds: negative for none, 0 to execute anew and store the result."""
    attempts: int = 1
    """How often the caller would execute by itself: 1 + its retry policy."""
    label: str = ""
    """Who asks, for people: it is shown to those who will wait."""
    supervisor: Process | None = None
    """The process that will run the step, so that recovery knows it before ``Holding.annotate``."""
    verify: Verify = Verify.DIGEST
    containers: Reference | None = None
    """The container engine that will run the step, if one will: recovery then ends what runs there too."""

    refused: Reason | None = field(default=None, init=False)
    """Why the last entry that was looked at could not be reused."""
    damaged: str = field(default="", init=False)
    """The digest of the artifact for which it could not; empty when it was something else."""
    seen: str = field(default="", init=False)
    """Who published the entry that was looked at last, reusable or not; empty when there was none."""
    resting: Collection[str] = field(default=(), init=False)
    """The entries that the one looked at last rests on, by key, if they were not used for long."""
    waited: bool = field(default=False, init=False)
    dead_holder: str | None = field(default=None, init=False)
    """The text of a holder that is known to be gone, its step included; used for one attempt."""
    first_asked: float | None = field(default=None, init=False)
    """The monotonic moment at which the caller first asked."""
    _failures: int | None = field(default=None, init=False)

    def asked(self) -> float:
        """Seconds since the caller first asked, which is now if it has not asked before."""
        now = time.monotonic()
        if self.first_asked is None:
            self.first_asked = now
        return now - self.first_asked

    def begin(self, failures: int) -> None:
        """Note that the caller waits or executes; failures count from the first time, ``failures`` being as many as
        there were by then.
        """
        if self._failures is None:
            self._failures = failures

    def wait_for(self, busy: Busy) -> None:
        """Note that the caller waits."""
        self.waited = True
        self.begin(busy.failures)

    def is_exhausted(self, failures: int) -> bool:
        """Whether the failed executions that the caller waited for, its own included, are as many as it would try
        itself, given how many executions of the key have failed by now.
        """
        return self._failures is not None and failures - self._failures >= self.attempts
