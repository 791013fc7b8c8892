"""A history that no order explains, cut down to the calls that matter."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tests.proof.history import NEVER, Operation
from tests.proof.linearizability import UndecidedError, final_states, is_linearizable
from tests.proof.specification import State, StoreSpecification

_LIMIT, _LONG_LIMIT = 5_000, 50_000  # situations; what takes more to refuse is left as it is


@dataclass(frozen=True, slots=True)
class Counterexample:
    """From any of the states ``before``, no order of ``operations`` gives the answers that were seen."""

    before: frozenset[State]
    operations: tuple[Operation, ...]

    @property
    def answered(self) -> list[Operation]:
        """The calls whose answers contradict each other."""
        return [operation for operation in self.operations if operation.answer is not None]

    def __str__(self) -> str:
        start = min(operation.call for operation in self.operations)
        calls = "\n".join(f"  {_line(operation, start)}" for operation in self.answered)
        others = [_line(operation, start) for operation in self.operations if operation.answer is None]
        whatever = "".join(f"\n  {line}" for line in others) or " nothing else"
        states = "\n or\n".join(
            f"  {_short(state.claim)}\n  {_short(state.entry)}\n  clock: {state.now} ms" for state in self.before
        )
        return (
            f"no order explains these answers:\n{calls}\nwhatever came of:{whatever}\nbefore, there was:\n{states}"
        )


def find(operations: Sequence[Operation], *, one_transaction: bool) -> Counterexample:
    """The least of ``operations``, the calls on one key, that no order explains; all together, none does.

    The first answer that cannot be is the last that is kept, and the last moment at which no call was under way is
    the beginning. Of the rest, reads are left out and answers forgotten, as long as no order explains what is left:
    either only makes more orders possible.
    """
    finder = _Finder(one_transaction)
    operations = finder.shortest_prefix(operations)
    operations, before = finder.last_part(operations)
    for operation in tuple(operations):
        rest = [other for other in operations if other != operation]
        if finder.specification(operations, before).is_read(operation) and not finder.is_explained(rest, before):
            operations = rest
    for operation in tuple(operations):
        forgotten = replace(operation, returned=NEVER, answer=None)
        rest = [forgotten if other == operation else other for other in operations]
        if operation.name != "advance" and not finder.is_explained(rest, before):
            operations = rest
    return Counterexample(frozenset(before), tuple(operations))


@dataclass(frozen=True, slots=True)
class _Finder:
    one_transaction: bool

    def specification(self, operations: Sequence[Operation], before: Collection[State]) -> StoreSpecification:
        (start,) = {state.now for state in before}  # nobody was moving the clock
        return StoreSpecification(operations, one_transaction=self.one_transaction, start=start)

    def is_explained(self, operations: Sequence[Operation], before: Collection[State], limit: int = _LIMIT) -> bool:
        """Whether some order explains the calls, or at least it cannot be told quickly that none does."""
        try:
            return is_linearizable(operations, self.specification(operations, before), before, limit=limit)
        except UndecidedError:
            return True

    def shortest_prefix(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        ends = sorted(operation.returned for operation in operations if operation.returned != NEVER)
        low, high = 0, len(ends) - 1
        while low < high:
            middle = (low + high) // 2
            if self.is_explained(_until(operations, ends[middle]), [State()], limit=_LONG_LIMIT):
                low = middle + 1
            else:
                high = middle
        return _until(operations, ends[low])

    def last_part(self, operations: Sequence[Operation]) -> tuple[Sequence[Operation], set[State]]:
        """What came after the last moment without a call under way, and the states that were possible then."""
        cut, latest = 0, 0
        for number, operation in enumerate(operations):
            if operation.call > latest:
                cut = number
            latest = max(latest, operation.returned)
        specification = self.specification(operations, [State()])
        try:
            before = final_states(operations[:cut], specification, [State()], limit=_LONG_LIMIT)
        except UndecidedError:
            before = set()
        return (operations[cut:], before) if before else (operations, {State()})


def _until(operations: Sequence[Operation], moment: int) -> Sequence[Operation]:
    """What was known at ``moment``."""
    return [
        operation if operation.returned <= moment else replace(operation, returned=NEVER, answer=None)
        for operation in operations
        if operation.call <= moment
    ]


def _line(operation: Operation, start: int) -> str:
    began = (operation.call - start) / 1e6
    arguments = ", ".join(map(_short, operation.arguments))
    line = f"{began:9.3f} ms  {operation.client}: {operation.name}({arguments})"
    if operation.answer is None:
        return line
    return f"{line} -> {_short(operation.answer)}, at {(operation.returned - start) / 1e6:.3f} ms"


def _short(value: object) -> str:
    """In words, ids of claims by their beginning."""
    return re.sub(r"[0-9a-f]{32}", lambda found: found[0][:6], str(value))
