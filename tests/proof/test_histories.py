"""What many processes saw of one store can be put in an order, on each database (docs/proof.md)."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.proof.counterexample import Counterexample, find
from tests.proof.history import NEVER, Operation, Recorder, read
from tests.proof.linearizability import is_linearizable
from tests.proof.mutants import MUTANTS
from tests.proof.shared_stores import SHARED, SharedStore, shared_store
from tests.proof.specification import State, StoreSpecification
from tests.stores.sql.programs import LONG, line, start, tell
from tests.stores.world import a_key

PROCESSES = 3
MOVES = (500, 1000, 4000)
"""By how many milliseconds the store's clock is moved."""

ROUNDS = 40
"""How often a mutant may get away."""
MIDDLE = 5000
"""After so many bytes of what it writes down, a process is in the middle of its work."""
ANSWERS = {"Hit", "Granted", "Busy", "Renewed", "Lost", "Published", "Released", "Put", "Withdrawn", "Invalidated"}


@pytest.fixture(params=SHARED)
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SharedStore]:
    """A new store of each kind."""
    async with shared_store(request.param, request, tmp_path) as store:
        yield store


class Crowd:
    """Processes at work on one store."""

    def __init__(self, store: SharedStore, processes: Sequence[Popen[str]], directory: Path) -> None:
        self.processes = processes
        self._store = store
        self._directory = directory
        self._rounds = 0
        self.killed_at = NEVER
        """The moment at which a process was killed."""

    async def act(self, calls: int, *, mutant: str = "", killed: int | None = None) -> list[Operation]:
        """Have each client make ``calls`` calls on two new keys, while the clock is moved; what they saw.

        The process ``killed`` is killed in the middle of its work.
        """
        self._rounds += 1
        directory = self._directory / f"round {self._rounds}"
        directory.mkdir()
        keys = [a_key((self._rounds, number)) for number in range(2)]
        wish = {"directory": str(directory), "keys": keys, "calls": calls, "mutant": mutant, "seed": self._rounds}
        for process in self.processes:
            tell(process, json.dumps(wish))
        done = [asyncio.create_task(asyncio.to_thread(line, process)) for process in self.processes]
        await self._move_the_clock(done, directory, killed)
        for number, task in enumerate(done):
            assert await task == ("" if number == killed else "done")
        return read(sorted(directory.iterdir()))

    async def _move_the_clock(self, done: Sequence[asyncio.Task[str]], directory: Path, killed: int | None) -> None:
        recorder = Recorder(directory / "clock", "clock")
        chance = random.Random(self._rounds)
        while not all(task.done() for task in done):
            milliseconds = chance.choice(MOVES)
            recorder.called("advance", "", milliseconds)
            await self._store.world.advance(milliseconds / 1000)
            recorder.answered(("Moved",))
            if killed is not None and self.killed_at == NEVER and _size(directory / f"{killed}.0") > MIDDLE:
                self.processes[killed].kill()
                self.killed_at = time.monotonic_ns()
            await asyncio.wait(done, timeout=chance.uniform(0.001, 0.02), return_when=asyncio.ALL_COMPLETED)
        recorder.close()


@contextmanager
def crowd(store: SharedStore, directory: Path, *, clients: int = 2) -> Iterator[Crowd]:
    """``PROCESSES`` processes with so many ``clients`` each."""
    with ExitStack() as stack:
        processes = [
            start(stack, "tests.proof.worker", store.world.url, number, clients) for number in range(PROCESSES)
        ]
        assert [line(process) for process in processes] == ["ready"] * PROCESSES
        yield Crowd(store, processes, directory)
        for process in processes:
            process.communicate(timeout=LONG)


def contradiction(operations: Sequence[Operation], store: SharedStore) -> Counterexample | None:
    """What no order explains; None if everything can be explained."""
    for key in sorted({operation.key for operation in operations} - {""}):
        of_key = [operation for operation in operations if operation.key in {key, ""}]
        specification = StoreSpecification(of_key, one_transaction=store.one_transaction)
        if not is_linearizable(of_key, specification, [State()]):
            return find(of_key, one_transaction=store.one_transaction)
    return None


async def test_what_processes_saw_has_an_order(shared: SharedStore, tmp_path: Path) -> None:
    with crowd(shared, tmp_path) as acting:
        operations = await acting.act(300)
        assert contradiction(operations, shared) is None
        answers = {operation.answer[0] for operation in operations if operation.answer is not None}
        assert answers >= ANSWERS
        assert overlaps(operations) > 100


async def test_what_survivors_of_a_killed_process_saw_has_an_order(shared: SharedStore, tmp_path: Path) -> None:
    with crowd(shared, tmp_path) as acting:
        operations = await acting.act(600, killed=0)
        assert contradiction(operations, shared) is None
        survivors = {operation.client for operation in operations if operation.returned > acting.killed_at}
        assert survivors >= {"1.0", "1.1", "2.0", "2.1"}


async def test_mutants_are_caught(shared: SharedStore, tmp_path: Path) -> None:
    with crowd(shared, tmp_path, clients=1) as acting:
        for mutant in MUTANTS:
            found = None
            for _ in range(ROUNDS):
                if found is None:
                    found = contradiction(await acting.act(25, mutant=mutant), shared)
            assert found is not None, f"{mutant} was not caught"
            print(f"{mutant}: {found}\n")
            assert len(found.answered) < 25


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def overlaps(operations: Sequence[Operation]) -> int:
    """How many calls began while another one on the same key was under way."""
    count, latest = 0, dict.fromkeys((operation.key for operation in operations), 0)
    for operation in operations:
        count += operation.call < latest[operation.key]
        latest[operation.key] = max(latest[operation.key], operation.returned)
    return count
