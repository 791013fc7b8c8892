"""What a store may do to one key, one call at a time: the contract once more, short enough to be checked by eye.

Times are milliseconds of the store's clock. The clock is part of the state: moving it is a call like any other, so
that the moment at which a lease ends is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from tests.proof.history import Answer, Operation
from tests.proof.linearizability import BEGINNING, END, Progress

TAKEN = "taken"
UNCLAIMED = "unclaimed"
ABSENT = "absent"
_UNTOLD = "?"
"""Begins what nobody was told: it may be anything."""
ANY_ID = "?"


@dataclass(frozen=True, slots=True)
class EntryState:
    id: int | str
    output: str
    limit: int
    started: int
    published_by: str


@dataclass(frozen=True, slots=True)
class ClaimState:
    """The newest claim; without an id for a key that was never claimed."""

    claim_id: str = ""
    token: int = 0
    holder: str = ""
    until: int = 0
    claimed: int = 0
    held: bool = False
    revoked: str = ""
    failures: int = 0
    failure: str = ""

    def is_fenced(self, claim_id: str, token: int) -> bool:
        return self.held and (self.claim_id, self.token) == (claim_id, token)


@dataclass(frozen=True, slots=True)
class State:
    """All there is to a key."""

    now: int = 0
    entry: EntryState | None = None
    claim: ClaimState = field(default_factory=ClaimState)
    last_id: int | str = ANY_ID
    """The ID of the newest entry, which is not given again."""


Outcome = tuple[State, Answer]
Step = tuple[State, Progress, Answer]


class StoreSpecification:
    """``stores.contract.Store``, for the calls of one history on one key."""

    def __init__(self, operations: Sequence[Operation], *, one_transaction: bool, start: int = 0) -> None:
        """Prepare for ``operations``, of which those that move the clock come one after the other.

        Args:
            operations: all calls of the history.
            one_transaction: whether each call is one transaction, at one moment of the clock. If not, a claim takes
                first, then looks, and gives back what it cannot use, and others may come in between; and a
                statement reads the clock when it begins, and may wait for a lock before it has its effect.
            start: what the clock shows at first.
        """
        self._one_transaction = one_transaction
        moves = [operation for operation in operations if operation.name == "advance"]
        self._times = list(accumulate((move.arguments[0] for move in moves), initial=start))
        self._oldest = {
            (operation.client, operation.call): self._times[sum(move.returned < operation.call for move in moves)]
            for operation in operations
        }
        self._owners = dict(_owners(operations))
        """Whose each token is, as far as anybody was told. It makes the search short, and no order impossible."""

    def steps(self, state: State, operation: Operation, progress: Progress) -> Iterator[tuple[State, Progress]]:
        """See ``Specification``."""
        if operation.name == "claim":
            found = self._claim(state, operation, progress)
        elif operation.name == "invalidate":
            found = self._invalidate(state, progress)
        else:
            perform = getattr(self, f"_{operation.name}")
            found = ((changed, END, answer) for changed, answer in perform(state, operation, *operation.arguments))
        for changed, came, answer in found:
            claim = changed.claim
            if self._owners.get(claim.token, claim.claim_id) == claim.claim_id and (
                came != END or operation.answer is None or _agree(answer, operation.answer)
            ):
                yield changed, came

    def is_read(self, operation: Operation) -> bool:
        """See ``Specification``. A claim that is refused in the end may have been taken, and lost, on the way."""
        match operation.answer:
            case ("Entry" | "State" | "Lost", *_) | ("Withdrawn", False) | ("Put", _, False):
                return True
            case ("Invalidated", False, False):
                return True
            case ("Busy", *_):
                return self._one_transaction
        return False

    def _moments(self, state: State, operation: Operation) -> Sequence[int]:
        """The times that the call may have read off the clock."""
        if self._one_transaction:
            return (state.now,)
        oldest = self._oldest[operation.client, operation.call]
        return [time for time in reversed(self._times) if oldest <= time <= state.now]

    def _advance(self, state: State, operation: Operation, milliseconds: int) -> Iterator[Outcome]:
        yield replace(state, now=state.now + milliseconds), ("Moved",)

    def _lookup(self, state: State, operation: Operation) -> Iterator[Outcome]:
        for now in self._moments(state, operation):
            yield state, ("Entry", _seen(state.entry, now))

    def _watch(self, state: State, operation: Operation) -> Iterator[Outcome]:
        claim = state.claim
        for now in self._moments(state, operation):
            busy = _busy(claim, now) if claim.held and claim.until > now else None
            yield state, ("State", state.entry.published_by if state.entry else "", busy, claim.failures)

    def _claim(self, state: State, operation: Operation, progress: Progress) -> Iterator[Step]:
        claim_id, _, _, limit, dead_holder = operation.arguments
        if isinstance(progress, tuple):  # an entry was found, and what was taken for nothing is given back
            token, answer = progress
            yield _given_back(state, claim_id, token), END, answer
            return
        claim = state.claim
        is_mine = claim.held and claim.claim_id == claim_id
        for now in self._moments(state, operation):
            hit = ("Hit", _seen(state.entry, now))
            if _is_fresh(state.entry, now, limit):
                yield _given_back(state, claim_id, claim.token if is_mine else -1), END, hit
                if is_mine and not self._one_transaction:
                    yield state, (claim.token, hit), hit
            elif is_mine and progress == TAKEN:
                yield state, END, _granted(state, now)
            elif claim.held and claim.until > now and not is_mine and claim.holder != dead_holder:
                yield state, END, ("Busy", *_busy(claim, now), claim.failures)
            else:
                taken = _taken(state, operation, now)
                yield taken, END, _granted(taken, now)
            is_free = not claim.held or claim.until <= now or is_mine or claim.holder == dead_holder
            if not self._one_transaction and is_free and (progress == BEGINNING or operation.answer is not None):
                yield _taken(state, operation, now), TAKEN, ()

    def _renew(self, state: State, operation: Operation, claim_id: str, *new: Any) -> Iterator[Outcome]:
        token, lease, holder = new
        claim = state.claim
        if not claim.is_fenced(claim_id, token):
            yield state, _lost(claim, claim_id)
            return
        for now in self._moments(state, operation):
            renewed = replace(claim, until=now + lease, holder=claim.holder if holder is None else holder)
            yield replace(state, claim=renewed), ("Renewed",)

    def _publish(self, state: State, operation: Operation, claim_id: str, *new: Any) -> Iterator[Outcome]:
        token, output, limit = new
        claim, standing = state.claim, state.entry
        if claim.is_fenced(claim_id, token):
            stored = _stored(state, operation, EntryState(ANY_ID, output, limit, claim.claimed, claim_id))
            changed = _given_back(stored, claim_id, token)
        elif standing is not None and standing.published_by == claim_id:
            changed = state
        else:
            yield state, _lost(claim, claim_id)
            return
        for now in self._moments(state, operation):
            yield changed, ("Published", _seen(changed.entry, now))

    def _release(
        self, state: State, operation: Operation, claim_id: str, token: int, failure: str | None
    ) -> Iterator[Outcome]:
        claim = state.claim
        if claim.is_fenced(claim_id, token):
            failed = replace(
                claim,
                failures=claim.failures + (failure is not None),
                failure=claim.failure if failure is None else failure,
            )
            yield _given_back(replace(state, claim=failed), claim_id, token), ("Released",)
        elif (claim.claim_id, claim.token) == (claim_id, token) and not claim.held and claim.revoked != claim_id:
            yield state, ("Released",)
        else:
            yield state, _lost(claim, claim_id)

    def _put(self, state: State, operation: Operation, output: str, limit: int) -> Iterator[Outcome]:
        told = operation.answer[1] if operation.answer is not None else None
        writer = f"{_UNTOLD}put of {operation.client} at {operation.call}" if told is None else told[-1]
        for now in self._moments(state, operation):
            if _is_fresh(state.entry, now, -1):
                yield state, ("Put", _seen(state.entry, now), False)
                continue
            for started in self._moments(state, operation):
                stored = _stored(state, operation, EntryState(ANY_ID, output, limit, started, writer))
                yield stored, ("Put", _seen(stored.entry, started), True)

    def _withdraw(self, state: State, operation: Operation, published_by: str) -> Iterator[Outcome]:
        if state.entry is not None and _agree(state.entry.published_by, published_by):
            yield replace(state, entry=None), ("Withdrawn", True)
        if state.entry is None or state.entry.published_by != published_by:
            yield state, ("Withdrawn", False)

    def _invalidate(self, state: State, progress: Progress) -> Iterator[Step]:
        entry, claim = state.entry, state.claim
        without = replace(state, entry=None)
        revoked = replace(claim, held=False, revoked=claim.claim_id) if claim.held else claim
        if progress == UNCLAIMED:
            yield without, END, ("Invalidated", entry is not None, False)
        elif progress == ABSENT:
            yield replace(state, claim=revoked), END, ("Invalidated", False, claim.held)
        else:
            yield replace(without, claim=revoked), END, ("Invalidated", entry is not None, claim.held)
            # Where there is no row, there is none to lock, and others may make it before the rest is done.
            if not self._one_transaction and not claim.token:
                yield state, UNCLAIMED, ()
            if not self._one_transaction and entry is None:
                yield state, ABSENT, ()


def _owners(operations: Sequence[Operation]) -> Iterator[tuple[int, str]]:
    for operation in operations:
        match operation.answer:
            case ("Granted", token, *_):
                yield token, operation.arguments[0]
            case ("Busy", claim_id, token, *_) | ("State", _, (claim_id, token, *_), _):
                yield token, claim_id


def _is_fresh(entry: EntryState | None, now: int, limit: int) -> bool:
    if entry is None or 0 in (entry.limit, limit):
        return False
    return all(some < 0 or now - entry.started <= some * 1000 for some in (entry.limit, limit))


def _taken(state: State, operation: Operation, now: int) -> State:
    claim_id, holder, lease, _, _ = operation.arguments
    claim = state.claim
    again = claim.held and claim.claim_id == claim_id
    taken = replace(
        claim,
        claim_id=claim_id,
        token=claim.token + (not again),
        holder=holder,
        until=now + lease,
        claimed=claim.claimed if again else now,
        held=True,
        revoked="" if claim.revoked == claim_id else claim.revoked,
    )
    return replace(state, claim=taken)


def _given_back(state: State, claim_id: str, token: int) -> State:
    if not state.claim.is_fenced(claim_id, token):
        return state
    return replace(state, claim=replace(state.claim, held=False))


def _stored(state: State, operation: Operation, entry: EntryState) -> State:
    """The state with ``entry`` in place of the one before, whose ID it keeps; a first one has a new ID."""
    if state.entry is not None:
        return replace(state, entry=replace(entry, id=state.entry.id))
    told = operation.answer[1] if operation.answer is not None else None
    new_id = told[0] if isinstance(told, tuple) else ANY_ID
    if new_id != ANY_ID and new_id == state.last_id:
        new_id = "another ID"
    return replace(state, entry=replace(entry, id=new_id), last_id=new_id)


def _granted(state: State, now: int) -> Answer:
    claim = state.claim
    return ("Granted", claim.token, _seen(state.entry, now), claim.failures, claim.failure)


def _lost(claim: ClaimState, claim_id: str) -> Answer:
    return ("Lost", bool(claim.claim_id) and claim.revoked == claim_id)


def _busy(claim: ClaimState, now: int) -> Answer:
    return (claim.claim_id, claim.token, claim.holder, claim.until - now, now - claim.claimed)


def _seen(entry: EntryState | None, now: int) -> Answer | None:
    if entry is None:
        return None
    return (entry.id, entry.output, entry.limit, now - entry.started, entry.published_by)


def _agree(expected: object, told: object) -> bool:
    """Whether an answer is the expected one."""
    if isinstance(expected, tuple) and isinstance(told, tuple):
        return len(expected) == len(told) and all(map(_agree, expected, told))
    return expected == told or (isinstance(expected, str) and expected.startswith(_UNTOLD))
