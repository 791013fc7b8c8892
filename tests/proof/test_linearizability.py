"""The checker itself: it accepts what has an order, and refuses what has none."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proof.client import Client
from tests.proof.counterexample import find
from tests.proof.history import NEVER, Answer, Operation, Recorder, read
from tests.proof.linearizability import END, Progress, UndecidedError, final_states, is_linearizable
from tests.proof.specification import State, StoreSpecification
from tests.stores.world import a_key
from tests.stores.worlds import MemoryWorld

KEY = a_key()


@dataclass(frozen=True, slots=True)
class Register:
    """The least store: one value."""

    def steps(self, state: int, operation: Operation, progress: Progress) -> Iterator[tuple[int, Progress]]:
        if operation.name == "write":
            yield operation.arguments[0], END
        elif operation.answer in {None, (state,)}:
            yield state, END

    def is_read(self, operation: Operation) -> bool:
        return operation.name == "read" and operation.answer is not None


@st.composite
def register_histories(draw: st.DrawFn) -> list[Operation]:
    """A few calls of three clients, which may overlap, and may have been told anything."""
    moments = iter(draw(st.permutations(range(1, 11))))
    operations = []
    for number in range(draw(st.integers(1, 5))):
        call, returned = sorted((next(moments), next(moments)))
        value, answered = draw(st.integers(0, 2)), draw(st.integers(0, 4)) > 0
        writes = draw(st.booleans())
        operations.append(
            Operation(
                client=str(number),
                name="write" if writes else "read",
                key="",
                arguments=(value,) if writes else (),
                call=call,
                returned=returned if answered else NEVER,
                answer=None if not answered else () if writes else (value,),
            )
        )
    return sorted(operations, key=lambda operation: operation.call)


def has_order(operations: Sequence[Operation]) -> bool:
    """The definition, word by word: try every order of every choice of the calls that were not answered."""
    unanswered = [operation for operation in operations if operation.returned == NEVER]
    answered = [operation for operation in operations if operation.returned != NEVER]
    choices = itertools.chain.from_iterable(
        itertools.combinations(unanswered, count) for count in range(len(unanswered) + 1)
    )
    return any(explains(order) for chosen in choices for order in itertools.permutations([*answered, *chosen]))


def explains(order: Sequence[Operation]) -> bool:
    value = 0
    for number, operation in enumerate(order):
        if any(later.returned < operation.call for later in order[number + 1 :]):
            return False
        if operation.name == "write":
            (value,) = operation.arguments
        elif operation.answer not in {None, (value,)}:
            return False
    return True


@given(register_histories())
def test_the_search_finds_an_order_where_there_is_one(operations: list[Operation]) -> None:
    assert is_linearizable(operations, Register(), [0]) == has_order(operations)


def test_the_search_ends_at_its_limit() -> None:
    writes = [Operation(str(value), "write", "", (value,), value, 100 + value, ()) for value in range(12)]
    never = Operation("reader", "read", "", (), 200, 201, (12,))
    with pytest.raises(UndecidedError):
        is_linearizable([*writes, never], Register(), [0], limit=100)
    assert not is_linearizable([*writes, never], Register(), [0])
    assert final_states(writes, Register(), [0]) == set(range(12))


async def sequential(directory: Path, seed: int, calls: int) -> list[Operation]:
    """What clients of a store in memory see one after the other, while the clock moves."""
    world = MemoryWorld()
    chance = random.Random(seed)
    names = ["0.0", "1.0", "2.0"]
    recorders = {name: Recorder(directory / f"{seed} {name}", name) for name in [*names, "clock"]}
    clients = [
        Client(await world.another(), recorders[name], name, [KEY], random.Random(f"{seed} {name}"))
        for name in names
    ]
    for _ in range(calls):
        if chance.random() < 0.15:
            milliseconds = chance.choice([500, 1000, 4000])
            recorders["clock"].called("advance", "", milliseconds)
            await world.advance(milliseconds / 1000)
            recorders["clock"].answered(("Moved",))
        await chance.choice(clients).act()
    for recorder in recorders.values():
        recorder.close()
    return read(directory.glob(f"{seed} *"))


def overlapping(operations: Sequence[Operation], chance: random.Random) -> list[Operation]:
    """The same calls, begun earlier and answered later while their clients were idle, by four calls at most."""
    spread = []
    for number, operation in enumerate(operations):
        own = [other for other in operations if other.client == operation.client]
        place = own.index(operation)
        idle_since = own[place - 1].returned + 1 if place else 0
        idle_until = own[place + 1].call - 1 if place + 1 < len(own) else NEVER - 1
        earliest = max(operations[max(0, number - 4)].call, (idle_since + operation.call) // 2)
        latest = min(
            operations[min(number + 4, len(operations) - 1)].returned, (operation.returned + idle_until) // 2
        )
        call, returned = chance.randint(earliest, operation.call), chance.randint(operation.returned, latest)
        spread.append(replace(operation, call=call, returned=returned))
    return sorted(spread, key=lambda operation: operation.call)


def is_explained(operations: Sequence[Operation], *, one_transaction: bool = True) -> bool:
    specification = StoreSpecification(operations, one_transaction=one_transaction)
    return is_linearizable(operations, specification, [State()])


@pytest.mark.parametrize("one_transaction", [True, False])
async def test_what_happened_in_an_order_has_one(tmp_path: Path, one_transaction: bool) -> None:
    for seed in range(12):
        operations = await sequential(tmp_path, seed, 150)
        assert is_explained(operations, one_transaction=one_transaction)
        overlapped = overlapping(operations, random.Random(seed))
        assert is_explained(overlapped, one_transaction=one_transaction)
        last = [operation for operation in overlapped if operation.client == "0.0"][-1]
        killed = replace(last, returned=NEVER, answer=None)
        others = [killed if operation == last else operation for operation in overlapped]
        assert is_explained(others, one_transaction=one_transaction)


async def test_an_answer_that_was_never_given_is_found(tmp_path: Path) -> None:
    """One token too high, somewhere among hundreds of answers."""
    for seed in range(6):
        operations = overlapping(await sequential(tmp_path, seed, 150), random.Random(seed))
        grants = [operation for operation in operations if operation.answer and operation.answer[0] == "Granted"]
        grant = random.Random(seed).choice(grants)
        kind, token, *rest = grant.answer or ()
        wrong = replace(grant, answer=(kind, token + 1, *rest))
        altered = [wrong if operation == grant else operation for operation in operations]
        assert not is_explained(altered)
        found = find(altered, one_transaction=True)
        assert len(found.operations) < 20
        specification = StoreSpecification(
            found.operations, one_transaction=True, start=next(iter(found.before)).now
        )
        assert not is_linearizable(found.operations, specification, found.before)
        assert "no order explains these answers" in str(found)


A, B, C = ("a" * 32, "b" * 32, "c" * 32)
Call = tuple[str, tuple[object, ...], Answer]


def claim(claim_id: str, answer: Answer, *, lease: int = 1000, limit: int = -1) -> Call:
    return "claim", (claim_id, "holder", lease, limit, None), answer


def granted(claim_id: str, token: int, *, stale: Answer | None = None, failures: int = 0, **named: int) -> Call:
    return claim(claim_id, ("Granted", token, stale, failures, "failed" if failures else ""), **named)


def publish(claim_id: str, token: int, answer: Answer, *, limit: int = -1) -> Call:
    return "publish", (claim_id, token, f"by {claim_id}", limit), answer


def entry(entry_id: int, by: str, *, age: int = 0, limit: int = -1) -> Answer:
    return entry_id, f"by {by}", limit, age, by


def put(by: str, entry_id: int, *, stored: bool, standing: Answer | None = None, limit: int = -1) -> Call:
    return "put", (f"by {by}", limit), ("Put", standing or entry(entry_id, by, limit=limit), stored)


def move(milliseconds: int) -> Call:
    return "advance", (milliseconds,), ("Moved",)


def lookup(found: Answer | None) -> Call:
    return "lookup", (), ("Entry", found)


def told(name: str, arguments: tuple[object, ...], *answer: object) -> Call:
    return name, arguments, answer


STORED = ("Published", entry(1, A))
BUSY = ("Busy", A, 1, "holder", 1, 999, 0)
HISTORIES: dict[str, tuple[list[Call], Call, Call]] = {
    "two live claims": ([granted(A, 1), move(999)], claim(B, BUSY), granted(B, 2)),
    "a lease ends when it ends": ([granted(A, 1), move(1000)], granted(B, 2), claim(B, BUSY)),
    "an old holder stores": (
        [granted(A, 1), move(1000), granted(B, 2)],
        publish(A, 1, ("Lost", False)),
        publish(A, 1, STORED),
    ),
    "a revoked holder stores": (
        [granted(A, 1), told("invalidate", (), "Invalidated", False, True)],
        publish(A, 1, ("Lost", True)),
        publish(A, 1, STORED),
    ),
    "an old holder renews": (
        [granted(A, 1), move(1000), granted(B, 2)],
        told("renew", (A, 1, 1000, None), "Lost", False),
        told("renew", (A, 1, 1000, None), "Renewed"),
    ),
    "an old holder releases": (
        [granted(A, 1), told("release", (A, 1, None), "Released"), granted(B, 2)],
        told("release", (A, 1, None), "Lost", False),
        told("release", (A, 1, None), "Released"),
    ),
    "an acknowledged result is gone": ([granted(A, 1), publish(A, 1, STORED)], lookup(entry(1, A)), lookup(None)),
    "what is stored is executed again": (
        [granted(A, 1), publish(A, 1, STORED)],
        claim(B, ("Hit", entry(1, A))),
        granted(B, 2, stale=entry(1, A)),
    ),
    "a result is put over a fresh one": (
        [put(A, 1, stored=True)],
        put(B, 1, stored=False, standing=entry(1, A)),
        put(B, 1, stored=True),
    ),
    "a stale entry blocks its replacement": (
        [put(A, 1, stored=True, limit=1), move(1001)],
        put(B, 1, stored=True),
        put(B, 1, stored=False, standing=entry(1, A, age=1001, limit=1)),
    ),
    "a refresh changes the ID": ([put(A, 1, stored=True, limit=0)], put(B, 1, stored=True), put(B, 2, stored=True)),
    "an ID is given twice": (
        [put(A, 1, stored=True), told("withdraw", (A,), "Withdrawn", True)],
        put(B, 2, stored=True),
        put(B, 1, stored=True),
    ),
    "a withdrawal takes a refreshed entry": (
        [put(A, 1, stored=True, limit=0), put(B, 1, stored=True)],
        told("withdraw", (A,), "Withdrawn", False),
        told("withdraw", (A,), "Withdrawn", True),
    ),
    "the token stands still": (
        [granted(A, 1), told("release", (A, 1, None), "Released")],
        granted(B, 2),
        granted(B, 1),
    ),
    "a failure is not counted": (
        [granted(A, 1), told("release", (A, 1, "failed"), "Released")],
        granted(B, 2, failures=1),
        granted(B, 2),
    ),
    "a caller's limit is passed over": (
        [put(A, 1, stored=True), move(2001)],
        granted(B, 1, stale=entry(1, A, age=2001), limit=2),
        claim(B, ("Hit", entry(1, A, age=2001)), limit=2),
    ),
    "a waiter sees a claim that has ended": (
        [granted(A, 1), move(999), publish(A, 1, ("Published", entry(1, A, age=999)))],
        told("watch", (), "State", A, None, 0),
        told("watch", (), "State", A, BUSY[1:-1], 0),
    ),
}


def one_after_the_other(calls: Sequence[Call]) -> list[Operation]:
    return [
        Operation(
            "clock" if name == "advance" else str(number), name, "", arguments, 10 * number, 10 * number + 5, answer
        )
        for number, (name, arguments, answer) in enumerate(calls)
    ]


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("one_transaction", [True, False])
def test_known_histories_are_told_apart(name: str, one_transaction: bool) -> None:
    before, right, wrong = HISTORIES[name]
    assert is_explained(one_after_the_other([*before, right]), one_transaction=one_transaction)
    assert not is_explained(one_after_the_other([*before, wrong]), one_transaction=one_transaction)


def test_a_claim_of_several_statements_may_be_seen_in_between() -> None:
    """It took the key for a moment, found a result, and gave the key back."""
    between = claim(B, ("Busy", A, 1, "holder", 1000, 0, 0), limit=0)
    calls = one_after_the_other([claim(A, ("Hit", entry(1, C))), between, put(C, 1, stored=True)])
    claiming = replace(calls[0], returned=1000)
    assert is_explained([claiming, *calls[1:]], one_transaction=False)
    assert not is_explained([claiming, *calls[1:]], one_transaction=True)


def test_a_statement_that_waited_has_an_old_clock() -> None:
    calls = one_after_the_other([granted(A, 1), move(500), claim(B, ("Busy", A, 1, "holder", 500, 500, 0))])
    waited = replace(calls[0], returned=1000)
    assert is_explained([waited, *calls[1:]], one_transaction=False)
    late = one_after_the_other([move(500), granted(A, 1), claim(B, ("Busy", A, 1, "holder", 500, 500, 0))])
    assert not is_explained(late, one_transaction=False)
