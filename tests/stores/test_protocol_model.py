"""Any sequence of operations by several callers, against a model simple enough to be right."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from stepcache.stores.claim import Busy, Claim, Granted, Hit, Invalidated, Lost, Published, Released, Renewed
from stepcache.stores.entry import Record
from stepcache.stores.opening import FullStore
from tests.servers.server import Server
from tests.stores.sql_world import sql_world
from tests.stores.world import World, a_key
from tests.stores.worlds import MemoryWorld, sqlite_world

T = TypeVar("T")
KEYS = [a_key(number) for number in range(2)]
LEASES = st.sampled_from([0.0, 1.0, 5.0])
HOLDERS = st.sampled_from(["a", "b", "c"])
LIMITS = st.sampled_from([-1, 0, 3])
WHO = st.integers(0, 1)


@dataclass
class ModelEntry:
    output: str
    limit: int
    started: float
    published_by: str
    id: int


@dataclass
class ModelClaim:
    claim: Claim
    holder: str
    granted: float
    until: float


@dataclass
class ModelKey:
    """All there is to a key."""

    entry: ModelEntry | None = None
    held: ModelClaim | None = None
    token: int = 0
    last: Claim | None = None
    """The newest claim, held or given back."""
    revoked: str = ""
    failures: int = 0
    failure: str = ""


class ProtocolMachine(RuleBasedStateMachine):
    """``world`` is set by the machines below."""

    claims: Bundle[Claim] = Bundle("claims")
    publishers: Bundle[tuple[str, str]] = Bundle("publishers")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.now = 0.0
        self.model = {key: ModelKey() for key in KEYS}
        self.writes = 0

    async def make_world(self) -> World:
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        self.world = self.run(self.make_world())
        self.stores: list[FullStore] = [self.world.store, self.run(self.world.another())]

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    @rule(
        target=claims, who=WHO, key=st.sampled_from(KEYS), holder=HOLDERS, lease=LEASES, limit=LIMITS, dead=HOLDERS
    )
    def claim(self, *, who: int, key: str, holder: str, lease: float, limit: int, dead: str) -> Any:
        claim_id = secrets.token_hex(16)
        return self._claim(who=who, key=key, claim_id=claim_id, holder=holder, lease=lease, limit=limit, dead=dead)

    @rule(target=claims, who=WHO, claim=claims, holder=HOLDERS, lease=LEASES, limit=LIMITS)
    def repeat_claim(self, who: int, claim: Claim, holder: str, lease: float, limit: int) -> Any:
        if self.model[claim.key].last != claim:
            return multiple()  # only the newest request can be one whose answer was lost
        return self._claim(
            who=who,
            key=claim.key,
            claim_id=claim.claim_id,
            holder=holder,
            lease=lease,
            limit=limit,
            dead="nobody",
        )

    def _claim(self, *, who: int, key: str, claim_id: str, holder: str, lease: float, limit: int, dead: str) -> Any:
        answer = self.run(
            self.stores[who].claim(key, claim_id, holder=holder, lease=lease, max_staleness=limit, dead_holder=dead)
        )
        model = self.model[key]
        mine = model.held is not None and model.held.claim.claim_id == claim_id
        if self._is_fresh(model.entry, limit):
            assert isinstance(answer, Hit)
            self._same(key, answer.entry)
            if mine:
                model.held = None
            return multiple()
        if model.held is not None and not mine and model.held.until > self.now and model.held.holder != dead:
            held = model.held
            assert answer == Busy(
                key=key,
                claim_id=held.claim.claim_id,
                token=held.claim.token,
                holder=held.holder,
                lease_left=held.until - self.now,
                held_for=self.now - held.granted,
                failures=model.failures,
            )
            return multiple()
        assert isinstance(answer, Granted)
        assert (answer.failures, answer.failure) == (model.failures, model.failure)
        granted = self.now
        if mine and model.held is not None:
            granted = model.held.granted
            assert answer.claim == model.held.claim
        assert answer.claim.token == model.token + (not mine)
        model.token = answer.claim.token
        model.held = ModelClaim(answer.claim, holder, granted, self.now + lease)
        model.last = answer.claim
        model.revoked = "" if model.revoked == claim_id else model.revoked
        return answer.claim

    @rule(who=WHO, claim=claims, lease=LEASES, holder=st.none() | HOLDERS)
    def renew(self, who: int, claim: Claim, lease: float, holder: str | None) -> None:
        answer = self.run(self.stores[who].renew(claim, lease=lease, holder=holder))
        held = self.model[claim.key].held
        if held is not None and held.claim == claim:
            assert answer == Renewed(lease)
            held.until = self.now + lease
            held.holder = holder or held.holder
        else:
            assert answer == self._lost(claim)

    @rule(target=publishers, who=WHO, claim=claims, limit=LIMITS)
    def publish(self, who: int, claim: Claim, limit: int) -> Any:
        record = self._record(limit)
        answer = self.run(self.stores[who].publish(claim, record))
        model = self.model[claim.key]
        if model.held is not None and model.held.claim == claim:
            assert isinstance(answer, Published)
            self._write(claim.key, record, model.held.granted, answer.entry.published_by, answer.entry.id)
            assert answer.entry.published_by == claim.claim_id
            model.held = None
        elif model.entry is not None and model.entry.published_by == claim.claim_id:
            assert isinstance(answer, Published)
        else:
            assert answer == self._lost(claim)
            return multiple()
        self._same(claim.key, answer.entry)
        return claim.key, claim.claim_id

    @rule(who=WHO, claim=claims, failure=st.none() | st.just("failed"))
    def release(self, who: int, claim: Claim, failure: str | None) -> None:
        answer = self.run(self.stores[who].release(claim, failure=failure))
        model = self.model[claim.key]
        if model.held is not None and model.held.claim == claim:
            assert answer == Released()
            model.held = None
            model.failures += failure is not None
            model.failure = failure or model.failure
        elif model.last == claim and model.revoked != claim.claim_id:
            assert answer == Released()
        else:
            assert answer == self._lost(claim)

    @rule(target=publishers, who=WHO, key=st.sampled_from(KEYS), limit=LIMITS)
    def put(self, who: int, key: str, limit: int) -> Any:
        record = self._record(limit)
        answer = self.run(self.stores[who].put(key, record))
        assert answer.stored != self._is_fresh(self.model[key].entry, -1)
        if answer.stored:
            self._write(key, record, self.now, answer.entry.published_by, answer.entry.id)
        self._same(key, answer.entry)
        return key, answer.entry.published_by

    @rule(who=WHO, published=consumes(publishers))
    def withdraw(self, who: int, published: tuple[str, str]) -> None:
        key, published_by = published
        model = self.model[key]
        stands = model.entry is not None and model.entry.published_by == published_by
        assert self.run(self.stores[who].withdraw(key, published_by)) == stands
        model.entry = None if stands else model.entry

    @rule(who=WHO, key=st.sampled_from(KEYS))
    def invalidate(self, who: int, key: str) -> None:
        model = self.model[key]
        expected = Invalidated(entry=model.entry is not None, claim=model.held is not None)
        assert self.run(self.stores[who].invalidate(key)) == expected
        if model.held is not None:
            model.revoked = model.held.claim.claim_id
        model.entry = model.held = None

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, -0.5]))
    def advance(self, seconds: float) -> None:
        self.run(self.world.advance(seconds))
        self.now += seconds

    @invariant()
    def what_is_seen_is_the_model(self) -> None:
        if not hasattr(self, "stores"):
            return
        states = self.run(self.stores[self.writes % 2].watch(KEYS))
        for key, model in self.model.items():
            entry = self.run(self.stores[0].lookup(key))
            assert (entry is None) == (model.entry is None)
            if entry is not None:
                self._same(key, entry)
            assert states[key].published_by == ("" if model.entry is None else model.entry.published_by)
            live = model.held if model.held is not None and model.held.until > self.now else None
            busy = states[key].busy
            assert (busy and busy.claim_id) == (live and live.claim.claim_id)
            assert states[key].failures == model.failures

    def _record(self, limit: int) -> Record:
        self.writes += 1
        return Record(f"output {self.writes}", max_staleness=limit)

    def _write(self, key: str, record: Record, started: float, published_by: str, entry_id: int) -> None:
        model = self.model[key]
        if model.entry is not None:
            assert entry_id == model.entry.id
        model.entry = ModelEntry(record.output, record.max_staleness, started, published_by, entry_id)

    def _same(self, key: str, entry: Any) -> None:
        expected = self.model[key].entry
        assert expected is not None
        assert (entry.output, entry.published_by, entry.id, entry.age) == (
            expected.output,
            expected.published_by,
            expected.id,
            self.now - expected.started,
        )

    def _is_fresh(self, entry: ModelEntry | None, limit: int) -> bool:
        if entry is None or limit == 0 or entry.limit == 0:
            return False
        age = self.now - entry.started
        return (limit < 0 or age <= limit) and (entry.limit < 0 or age <= entry.limit)

    def _lost(self, claim: Claim) -> Lost:
        return Lost(revoked=self.model[claim.key].revoked == claim.claim_id)


class MemoryMachine(ProtocolMachine):
    async def make_world(self) -> World:
        return MemoryWorld()


class SqliteMachine(ProtocolMachine):
    async def make_world(self) -> World:
        directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        return await self.stack.enter_async_context(sqlite_world(Path(directory) / "store.db"))


class SqlMachine(ProtocolMachine):
    server: ClassVar[Server]

    async def make_world(self) -> World:
        return await self.stack.enter_async_context(sql_world(self.server))


_QUICK = settings(
    deadline=None, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


def test_the_store_in_memory_keeps_the_protocol() -> None:
    stateful.run_state_machine_as_test(MemoryMachine, settings=settings(_QUICK, max_examples=80))


def test_the_sqlite_store_keeps_the_protocol() -> None:
    stateful.run_state_machine_as_test(SqliteMachine, settings=settings(_QUICK, max_examples=30))


def test_the_stores_on_servers_keep_the_protocol(server: Server) -> None:
    machine = type("SqlMachine", (SqlMachine,), {"server": server})
    stateful.run_state_machine_as_test(machine, settings=settings(_QUICK, max_examples=10))
