"""What a store in memory keeps, and the lock around it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from typing import Any, Self

from stepcache.errors import InputError, StoreUnavailableError
from stepcache.light_dataclasses import dataclass
from stepcache.stores.claim import Busy, Claim, Lost
from stepcache.stores.entry import Entry, Record
from stepcache.stores.runs import RunRow, TaskRow

_UNFINISHED = ("PENDING", "RUNNING")
_LARGEST = 2**63 - 1


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class StoredEntry:
    """An entry at rest. Moments are milliseconds since the epoch."""

    id: int
    record: Record
    published_by: str
    started_at: int
    ended_at: int
    hits: int = 0
    used_at: int = 0

    def read(self, key: str, now: int) -> Entry:
        """The entry as it looks at the moment ``now``."""
        return Entry(
            key=key,
            id=self.id,
            output=self.record.output,
            max_staleness=self.record.max_staleness,
            started_at=self.started_at // 1000,
            ended_at=self.ended_at // 1000,
            age=(now - self.started_at) / 1000,
            published_by=self.published_by,
            duration=self.record.description.duration,
        )


@dataclass(slots=True)
class HeldClaim:
    """The claim row of a key; it outlives a release."""

    claim_id: str = ""
    token: int = 0
    holder: str = ""
    lease_until: int = 0
    claimed_at: int = 0
    released_at: int = 0
    is_held: bool = False
    revoked: str = ""
    failures: int = 0
    failure: str = ""

    def is_live(self, now: int) -> bool:
        """Whether nobody but its holder may have the key."""
        return self.is_held and self.lease_until > now

    def is_of(self, claim: Claim) -> bool:
        """The fence."""
        return self.is_held and (self.claim_id, self.token) == (claim.claim_id, claim.token)

    def give_back(self, now: int) -> None:
        """Let go of it; the row stays."""
        self.is_held, self.released_at = False, now

    def busy(self, key: str, now: int) -> Busy:
        """What another claimer is told."""
        return Busy(
            key=key,
            claim_id=self.claim_id,
            token=self.token,
            holder=self.holder,
            lease_left=(self.lease_until - now) / 1000,
            held_for=(now - self.claimed_at) / 1000,
            failures=self.failures,
        )


class MemoryState:
    """Entries, claims, settings and runs of one store. Read and changed only within ``held``."""

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        """Make an empty state. ``clock``: milliseconds since the epoch; the one clock that is compared."""
        self.now = clock
        self.entries: dict[str, StoredEntry] = {}
        self.claims: dict[str, HeldClaim] = {}
        self.settings: dict[str, str] = {}
        self.runs: dict[str, RunRow] = {}
        self.tasks: dict[tuple[str, str], TaskRow] = {}
        self.requests: dict[str, str] = {}
        self._last_id = 0
        self._process = os.getpid()
        self._lock = threading.Lock()

    @contextmanager
    def held(self, *, closed: bool) -> Iterator[Self]:
        """The state, to one user at a time. Raises StoreUnavailableError in a forked child, which has a copy of
        its own and would be granted what the parent holds, and for a store that is ``closed``.
        """
        if self._process != os.getpid():
            raise StoreUnavailableError(
                "the store in memory was opened before this process was forked, and is not shared with it",
                remedy="give a store that processes can share, such as sqlite:///store.db",
            )
        if closed:
            raise StoreUnavailableError("the store in memory was closed")
        with self._lock:
            yield self

    def read(self, key: str) -> Entry | None:
        """The entry of ``key``."""
        stored = self.entries.get(key)
        return None if stored is None else stored.read(key, self.now())

    def write(self, key: str, record: Record, published_by: str, *, started_at: int) -> Entry:
        """Insert the entry, or replace it in place; answer it."""
        _check_storable(record)
        standing = self.entries.get(key)
        if standing is None:
            self._last_id += 1
        now = self.now()
        self.entries[key] = StoredEntry(
            id=self._last_id if standing is None else standing.id,
            record=record,
            published_by=published_by,
            started_at=started_at,
            ended_at=now,
            hits=0 if standing is None else standing.hits,
            used_at=now,
        )
        return self.entries[key].read(key, now)

    def lost(self, claim: Claim) -> Lost:
        """The answer to who holds ``claim`` no more."""
        row = self.claims.get(claim.key)
        return Lost(revoked=row is not None and row.revoked == claim.claim_id)

    def save_run(self, run: RunRow) -> None:
        """Insert or replace."""
        _check_storable(run)
        self.runs[run.run_id] = run

    def begin_run(self, run: RunRow, request: str) -> None:
        """Insert or replace the run with its request, or neither."""
        _check_storable((request,))
        self.save_run(run)
        self.requests[run.run_id] = request

    def save_tasks(self, tasks: Sequence[TaskRow]) -> None:
        """Insert or replace all, or none."""
        for task in tasks:
            _check_storable(task)
        self.tasks |= {(task.run_id, task.name): task for task in tasks}

    def finish_run(
        self, run_id: str, *, unless: Collection[str], state: str, finished_at: float, **rest: Any
    ) -> bool:
        """End the run, and its unfinished tasks, unless its state is one of ``unless``."""
        run = self.runs.get(run_id)
        if run is None or run.state in unless:
            return False
        self.save_run(replace(run, state=state, finished_at=finished_at, **rest))
        for place, task in self.tasks.items():
            if task.run_id == run_id and task.state in _UNFINISHED:
                self.tasks[place] = task._replace(state=state, finished_at=finished_at)
        return True


def _check_storable(row: Any) -> None:
    """Refuse what a database would: a program must not come to rely on it."""
    pending = list(row if isinstance(row, tuple) else astuple(row))
    while pending:
        value = pending.pop()
        if isinstance(value, tuple):
            pending += value
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"a value cannot be stored: {error}") from error
        elif isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise InputError(f"a value cannot be stored: {value} has more than 64 bits")
