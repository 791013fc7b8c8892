"""A client that does whatever comes to its mind, and writes it down."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from stepcache.stores.claim import Claim, Granted, Published, Put
from stepcache.stores.contract import Store
from stepcache.stores.entry import Entry, Record
from tests.proof.history import Recorder, as_answer

T = TypeVar("T")
LEASES = (1000, 5000)
LIMITS = (-1, -1, 0, 3)
WEIGHTS = {
    "claim": 6,
    "repeat_claim": 1,
    "renew": 2,
    "publish": 5,
    "release": 2,
    "put": 2,
    "withdraw": 2,
    "invalidate": 1,
    "lookup": 3,
    "watch": 2,
}
_REMEMBERED = 4


class Client:
    """One at a time: its calls never overlap each other."""

    def __init__(
        self, store: Store, recorder: Recorder, name: str, keys: Sequence[str], chance: random.Random
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._name = name
        self._keys = keys
        self._chance = chance
        self._claims: list[Claim] = []
        """What was granted to it, some of it long lost: then it is an old holder."""
        self._publishers: list[tuple[str, str]] = []
        self._records = 0

    async def act(self) -> None:
        """Make one call."""
        (name,) = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        await getattr(self, f"_{name}")()

    async def _claim(self) -> None:
        await self._ask(self._chance.choice(self._keys), f"{self._chance.getrandbits(128):032x}")

    async def _repeat_claim(self) -> None:
        """As a client does whose answer was lost."""
        if self._claims:
            await self._ask(self._claims[-1].key, self._claims[-1].claim_id)

    async def _ask(self, key: str, claim_id: str) -> None:
        lease, limit = self._chance.choice(LEASES), self._chance.choice(LIMITS)
        dead_holder = f"{self._chance.randrange(3)}.0" if self._chance.random() < 0.1 else None
        call = self._store.claim(
            key, claim_id, holder=self._name, lease=lease / 1000, max_staleness=limit, dead_holder=dead_holder
        )
        answer = await self._call(call, "claim", key, claim_id, self._name, lease, limit, dead_holder)
        if isinstance(answer, Granted):
            self._claims = [*self._claims[1 - _REMEMBERED :], answer.claim]

    async def _renew(self) -> None:
        if claim := self._some_claim():
            lease = self._chance.choice(LEASES)
            holder = self._chance.choice([None, self._name])
            call = self._store.renew(claim, lease=lease / 1000, holder=holder)
            await self._call(call, "renew", claim.key, claim.claim_id, claim.token, lease, holder)

    async def _publish(self) -> None:
        if claim := self._some_claim():
            record = self._record()
            call = self._store.publish(claim, record)
            arguments = (claim.claim_id, claim.token, record.output, record.max_staleness)
            answer = await self._call(call, "publish", claim.key, *arguments)
            if isinstance(answer, Published):
                self._saw(answer.entry)

    async def _release(self) -> None:
        if claim := self._some_claim():
            failure = self._chance.choice([None, f"failure of {self._name}"])
            call = self._store.release(claim, failure=failure)
            await self._call(call, "release", claim.key, claim.claim_id, claim.token, failure)

    async def _put(self) -> None:
        key, record = self._chance.choice(self._keys), self._record()
        answer = await self._call(self._store.put(key, record), "put", key, record.output, record.max_staleness)
        assert isinstance(answer, Put)
        self._saw(answer.entry)

    async def _withdraw(self) -> None:
        if self._publishers:
            key, published_by = self._publishers.pop(self._chance.randrange(len(self._publishers)))
            await self._call(self._store.withdraw(key, published_by), "withdraw", key, published_by)

    async def _invalidate(self) -> None:
        key = self._chance.choice(self._keys)
        await self._call(self._store.invalidate(key), "invalidate", key)

    async def _lookup(self) -> None:
        key = self._chance.choice(self._keys)
        entry = await self._call(self._store.lookup(key), "lookup", key)
        if entry is not None:
            self._saw(entry)

    async def _watch(self) -> None:
        key = self._chance.choice(self._keys)
        await self._call(self._state(key), "watch", key)

    async def _state(self, key: str) -> Any:
        return (await self._store.watch([key]))[key]

    async def _call(self, call: Awaitable[T], name: str, key: str, *arguments: Any) -> T:
        self._recorder.called(name, key, *arguments)
        answer = await call
        self._recorder.answered(as_answer(answer))
        return answer

    def _some_claim(self) -> Claim | None:
        return self._chance.choice(self._claims) if self._claims else None

    def _saw(self, entry: Entry) -> None:
        self._publishers = [*self._publishers[1 - _REMEMBERED :], (entry.key, entry.published_by)]

    def _record(self) -> Record:
        self._records += 1
        return Record(f"output {self._records} of {self._name}", max_staleness=self._chance.choice(LIMITS))
