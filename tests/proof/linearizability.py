"""Is there an order in which the calls, one at a time, would have given the answers that were seen?

The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of what was tried.
It knows nothing of stores: what one call may do to a state is told by a ``Specification``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from tests.proof.history import NEVER, Operation

S = TypeVar("S", bound=Hashable)
Progress = Hashable
BEGINNING: Final[Progress] = None
END: Final[Progress] = "end"

_Node = tuple[int, int, S, tuple[tuple[int, Progress], ...]]
"""All calls before a first one are done, and of the later ones those in a mask; the state; and how far calls have
come that are several steps.
"""


class UndecidedError(Exception):
    """The search was given up at its limit."""


class Specification(Protocol[S]):
    """What one call may do."""

    def steps(self, state: S, operation: Operation, progress: Progress) -> Iterable[tuple[S, Progress]]:
        """The states to which ``operation`` may bring ``state`` next with the answer that it was given, or with any
        if that is not known; and how far it has come then: to its END, or in between if it is several steps.
        """

    def is_read(self, operation: Operation) -> bool:
        """Whether ``operation``, with the answer that it was given, leaves every state as it is."""


def is_linearizable(
    operations: Sequence[Operation],
    specification: Specification[S],
    initial: Iterable[S],
    *,
    limit: int = 2_000_000,
) -> bool:
    """Whether some order explains the calls, from one of the ``initial`` states.

    ``operations`` are in the order in which they began. Calls that were not answered may have had their effect at
    any time since, or not at all. Raises UndecidedError after ``limit`` situations.
    """
    for _ in _ends(operations, specification, initial, limit):
        return True
    return False


def final_states(
    operations: Sequence[Operation],
    specification: Specification[S],
    initial: Iterable[S],
    *,
    limit: int = 2_000_000,
) -> set[S]:
    """Every state in which an order that explains the calls may end."""
    return set(_ends(operations, specification, initial, limit))


def _ends(
    operations: Sequence[Operation], specification: Specification[S], initial: Iterable[S], limit: int
) -> Iterator[S]:
    answered = [number for number, operation in enumerate(operations) if operation.returned != NEVER]
    last = answered[-1] if answered else -1
    stack: list[_Node[S]] = [(0, 0, state, ()) for state in initial]
    seen = set(stack)
    while stack:
        node = stack.pop()
        first, done, state, _ = node
        if first > last or all(number < first or done >> (number - first) & 1 for number in answered):
            yield state
        for following in _following(node, operations, specification):
            if following not in seen:
                if len(seen) >= limit:
                    raise UndecidedError(f"{limit} situations were looked at without an end")
                seen.add(following)
                stack.append(following)


def _following(node: _Node[S], operations: Sequence[Operation], specification: Specification[S]) -> list[_Node[S]]:
    """Where to go on, the best last.

    A read that may come next comes next: an order that has it later is one with it here, too.
    """
    state, came = node[2], dict(node[3])
    following = []
    for number in _next(node, operations):
        for changed, progress in specification.steps(state, operations[number], came.get(number, BEGINNING)):
            if specification.is_read(operations[number]):
                return [_after(node, number, changed, progress)]
            following.append((progress != END, operations[number].returned, number, changed, progress))
    following.sort(key=lambda item: item[:3], reverse=True)
    return [_after(node, number, changed, progress) for *_, number, changed, progress in following]


def _after(node: _Node[S], number: int, state: S, progress: Progress) -> _Node[S]:
    first, done, _, under_way = node
    others = [item for item in under_way if item[0] != number]
    if progress != END:
        return first, done, state, tuple(sorted([*others, (number, progress)], key=lambda item: item[0]))
    done |= 1 << (number - first)
    while done & 1:
        done, first = done >> 1, first + 1
    return first, done, state, tuple(others)


def _next(node: _Node[S], operations: Sequence[Operation]) -> Iterator[int]:
    """The calls that may come next: those that began before any call that is not done was answered."""
    first, done, _, _ = node
    bound = NEVER
    for number in range(first, len(operations)):
        if done >> (number - first) & 1:
            continue
        operation = operations[number]
        if operation.call > bound:
            return
        bound = min(bound, operation.returned)
        yield number
