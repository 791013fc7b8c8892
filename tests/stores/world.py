"""What the store suite needs of a back end: instances of one store, and its clock."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Protocol

from stepcache.stores.claim import Busy, Granted, Hit, Published
from stepcache.stores.contract import Store
from stepcache.stores.entry import Description, Record
from stepcache.stores.opening import FullStore

EPOCH = 1_700_000_000
"""What every world's clock shows at first, in seconds."""


class World(Protocol):
    """One store, with a clock that stands still until it is moved. Whoever makes a world closes all its stores."""

    @property
    def store(self) -> FullStore:
        """The instance that is always there."""

    async def another(self) -> FullStore:
        """Another instance on the same store, as another process would open it."""

    async def advance(self, seconds: float) -> None:
        """Move the store's clock, forward or back, by whole milliseconds."""


def a_key(name: object = "key") -> str:
    """A key of its own for each name."""
    return hashlib.sha256(repr(name).encode()).hexdigest()


def a_claim_id() -> str:
    return secrets.token_hex(16)


def a_record(output: str = "output", **named: Any) -> Record:
    return Record(output, **named)


def described(output: str, task: str) -> Record:
    return Record(output, description=Description(task=task, parts='{"task": 1}', duration=1.5, run_id="run"))


async def ask(store: Store, key: str, holder: str = "holder", **named: Any) -> Hit | Granted | Busy:
    """Claim ``key`` for 60 seconds, unless ``named`` says otherwise."""
    named = {"claim_id": a_claim_id(), "lease": 60.0, **named}
    return await store.claim(key, holder=holder, **named)


async def grant(store: Store, key: str, holder: str = "holder", **named: Any) -> Granted:
    """Claim ``key``, which must be free."""
    answer = await ask(store, key, holder, **named)
    assert isinstance(answer, Granted), answer
    return answer


async def publish(store: Store, key: str, record: Record | None = None, **named: Any) -> Published:
    """Claim ``key``, which must be free and not fresh, and publish."""
    granted = await grant(store, key, **named)
    answer = await store.publish(granted.claim, record or a_record())
    assert isinstance(answer, Published), answer
    return answer


def busy(answer: object) -> Busy:
    assert isinstance(answer, Busy), answer
    return answer


def hit(answer: object) -> Hit:
    assert isinstance(answer, Hit), answer
    return answer
